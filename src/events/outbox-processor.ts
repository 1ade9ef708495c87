import { persistFailedInvalidation } from '../cache/pending-invalidation.js';
import type { UserCaches } from '../cache/user-caches.js';
import type { Logger } from '../common/logging/logger.js';
import type { PendingEvent } from './event-message.js';
import { eventsParked, eventsPublished } from './event-metrics.js';
import type { EventPublisher, Outcome } from './event-publisher.js';
import { BATCH_ROWS, markPublished, park, readBatch } from './outbox-queue.js';
import type { LeaderLock } from './leader-lock.js';

const NOTHING: Promise<PendingEvent[]> = Promise.resolve([]);
const idsOf = (events: PendingEvent[]) => events.map(({ id }) => id);

/** Takes waiting events from the outbox to the broker, for whoever holds the lock of the relay. */
export class OutboxProcessor {
  constructor(
    private readonly publisher: EventPublisher,
    private readonly caches: UserCaches,
    private readonly logger: Logger,
  ) {}

  /**
   * Publishes what there is. While one full batch is sent, the one before is marked and the next is read.
   * @param goOn asked before each batch
   */
  async run(lock: LeaderLock, goOn: () => boolean): Promise<void> {
    let batch = await readBatch(lock, []);
    let marking: Promise<void> = Promise.resolve();
    let marked: PendingEvent[] = [];
    try {
      while (batch.length > 0 && goOn()) {
        const outcome: Outcome = { published: [], parked: [] };
        const sending = this.publisher.publish(batch, outcome);
        // What has come since a batch that was not full waits for the next look: the more of it goes together.
        const ahead = batch.length < BATCH_ROWS ? NOTHING : readBatch(lock, idsOf([...marked, ...batch]));
        ahead.catch(() => undefined);
        try {
          await sending;
        } finally {
          await marking;
          marked = outcome.published;
          marking = this.finish(lock, outcome);
          marking.catch(() => undefined);
        }
        // What was read ahead may hold later events of a user whose event has just been parked.
        const stale = outcome.parked.length > 0;
        if (stale) await marking;
        batch = stale ? await readBatch(lock, []) : await ahead;
      }
    } finally {
      await marking;
    }
  }

  private async finish(lock: LeaderLock, { published, parked }: Outcome): Promise<void> {
    // Before the mark: should this process die in between, the next relay does both again.
    const told = await this.caches.invalidate([...new Set(published.map(({ user_id }) => user_id))]);
    if (!told) await persistFailedInvalidation((sql, values) => lock.query(sql, values));
    if (published.length > 0) await markPublished(lock, idsOf(published));
    for (const { event_type } of published) eventsPublished.inc({ event_type });
    for (const { event, reason } of parked) {
      if (!(await park(lock, event, reason))) continue;
      eventsParked.inc();
      const { event_id, event_type, user_id } = event;
      this.logger.error({ alert: 'event_parked', event_id, event_type, user_id, reason }, 'an event was set aside');
    }
  }
}
