import type { Logger } from '../common/logging/logger.js';
import { deletePublished } from './outbox-queue.js';
import type { LeaderLock } from './leader-lock.js';

/** Milliseconds between two walks through what is old, and after a failure. */
const INTERVAL_MS = 60_000;

/** Removes old events in small steps between the batches, for whoever holds the lock of the relay. */
export class OutboxCleanup {
  private next = 0;
  private after: string | undefined;

  constructor(
    private readonly retentionDays: number,
    private readonly logger: Logger,
  ) {}

  /** A failure is told and waits for its next turn: old events that stay are no reason to publish new ones late. */
  async runWhenDue(lock: LeaderLock): Promise<void> {
    if (performance.now() < this.next) return;
    // Before the statement: one that fails at once would fail in every round.
    this.next = performance.now() + INTERVAL_MS;
    try {
      const last = await deletePublished(lock, this.retentionDays, this.after);
      this.after = last ?? undefined;
      if (last !== null) this.next = 0;
    } catch (error) {
      if (lock.isConnected) this.logger.warn({ err: error }, 'old events could not be removed from the outbox');
      else throw error;
    }
  }
}
