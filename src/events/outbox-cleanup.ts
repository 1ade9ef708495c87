import type { Logger } from '../common/logging/logger.js';
import type { LeaderLock } from './leader-lock.js';

/** Between two scans of the outbox, and after a failure. */
const INTERVAL_MS = 60_000;
/** Events that one statement looks at. */
const BATCH_ROWS = 2000;

/** Deletes old events in small steps between the batches of the relay. */
export class OutboxCleanup {
  private next = 0;
  private after: string | undefined;

  constructor(
    private readonly retentionDays: number,
    private readonly logger: Logger,
  ) {}

  /** A failure is logged and retried after the interval: it must not delay new events. */
  async runWhenDue(lock: LeaderLock): Promise<void> {
    if (performance.now() < this.next) return;
    this.next = performance.now() + INTERVAL_MS;
    try {
      const last = await deletePublished(lock, this.retentionDays, this.after);
      this.after = last ?? undefined;
      if (last !== null) this.next = 0;
    } catch (error) {
      if (!lock.isConnected) throw error;
      this.logger.warn({ err: error }, 'old events could not be removed from the outbox');
    }
  }
}

/**
 * Looks at a bounded number of events in the order of their ids and deletes those published before the retention. A search
 * for the first event that is due would have no bound where months of events wait.
 * @param after id up to which this scan has looked
 * @returns the id to continue after; null where only young events follow, and the next scan starts over
 */
export async function deletePublished(lock: LeaderLock, retentionDays: number, after = '0'): Promise<string | null> {
  const [row] = await lock.query<{ last: string }>(
    // An array, since the planner may join the ids by reading the whole table.
    `WITH seen AS (SELECT id, created_at, published_at FROM outbox_events WHERE id > $2 ORDER BY id LIMIT ${BATCH_ROWS}),
          removed AS (DELETE FROM outbox_events WHERE id = ANY (ARRAY(
            SELECT id FROM seen WHERE published_at < now() - make_interval(days => $1))))
     SELECT max(id) AS last FROM seen
     HAVING count(*) = ${BATCH_ROWS} AND bool_or(created_at < now() - make_interval(days => $1))`,
    [retentionDays, after],
  );
  return row?.last ?? null;
}
