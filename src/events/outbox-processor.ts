import { persistFailedInvalidation } from '../cache/cache-invalidation-broadcaster.js';
import type { UserCaches } from '../cache/user-caches.js';
import type { Logger } from '../common/logging/logger.js';
import type { PendingEvent } from './event-message.js';
import { eventsParked, eventsPublished } from './event-metrics.js';
import type { EventPublisher, PublishResult } from './event-publisher.js';
import type { LeaderLock } from './leader-lock.js';

/** Beyond, kafkajs spends more on grouping by partition than larger batches save. */
export const BATCH_ROWS = 1000;

const idsOf = (events: PendingEvent[]) => events.map(({ id }) => id);

/** Reads pending events, publishes, acknowledges and parks them. All statements go through the connection of the lock. */
export class OutboxProcessor {
  constructor(
    private readonly publisher: EventPublisher,
    private readonly caches: UserCaches,
    private readonly logger: Logger,
  ) {}

  /**
   * Publishes until no event is pending. While a full batch is sent, the one before is acknowledged and the next is read.
   * @param mayContinue called before each batch
   * @throws Error where the broker or the lock's connection fails
   */
  async publishPending(lock: LeaderLock, mayContinue: () => boolean): Promise<void> {
    let batch = await readBatch(lock, []);
    let acknowledged = Promise.resolve();
    let unmarked: PendingEvent[] = [];
    try {
      while (batch.length > 0 && mayContinue()) {
        // Events that arrive while a batch is not full wait for the next call: larger batches cost less.
        const full = batch.length === BATCH_ROWS;
        const next = full ? readBatch(lock, idsOf([...unmarked, ...batch])) : Promise.resolve([]);
        next.catch(() => undefined);
        const result = await this.publisher.publish(batch);
        await acknowledged;
        unmarked = result.published;
        acknowledged = this.acknowledge(lock, result);
        acknowledged.catch(() => undefined);
        if (result.error) throw result.error;
        // A batch read before an event was parked may hold later events of the same user.
        const stale = result.parked.length > 0;
        if (stale) await acknowledged;
        batch = await (stale ? readBatch(lock, []) : next);
      }
    } finally {
      await acknowledged;
    }
  }

  async hasPending(lock: LeaderLock): Promise<boolean> {
    const rows = await lock.query('SELECT FROM outbox_events WHERE published_at IS NULL AND parked_at IS NULL LIMIT 1');
    return rows.length > 0;
  }

  private async acknowledge(lock: LeaderLock, { published, parked }: PublishResult): Promise<void> {
    // Before the events are marked: after a crash in between, the next relay does both again.
    const invalidated = await this.caches.invalidate([...new Set(published.map(({ user_id }) => user_id))]);
    if (!invalidated) await persistFailedInvalidation((sql, values) => lock.query(sql, values));
    if (published.length > 0)
      await lock.query('UPDATE outbox_events SET published_at = now() WHERE id = ANY ($1::bigint[])', [
        idsOf(published),
      ]);
    for (const { event_type } of published) eventsPublished.inc({ event_type });
    for (const { event, reason } of parked) await this.park(lock, event, reason);
  }

  /** Leaves an event that an erasure has rewritten since it was read: it is published in its new form. */
  private async park(lock: LeaderLock, event: PendingEvent, reason: string): Promise<void> {
    const { id, event_id, event_type, user_id, payload } = event;
    const rows = await lock.query(
      'UPDATE outbox_events SET parked_at = now(), last_error = $3 WHERE id = $1 AND payload::text = $2 RETURNING id',
      [id, payload, reason.slice(0, 500)],
    );
    if (rows.length === 0) return;
    eventsParked.inc();
    this.logger.error({ alert: 'event_parked', event_id, event_type, user_id, reason }, 'an event was parked');
  }
}

/**
 * The next events, security events first, in the order of their ids, which for each user is the order of commits. Events
 * behind a parked one of the same user and topic wait with it.
 * @param excluded ids of events that are sent but not marked
 */
export function readBatch(lock: LeaderLock, excluded: string[]): Promise<PendingEvent[]> {
  return lock.query<PendingEvent>(
    `SELECT id, event_id, user_id, event_type, security, payload::text, traceparent,
            to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS timestamp
       FROM ((${pendingRows('security')}) UNION ALL (${pendingRows('NOT security')})) AS event
      ORDER BY security DESC, id LIMIT ${BATCH_ROWS}`,
    [excluded],
  );
}

const pendingRows = (kind: string) =>
  `SELECT * FROM outbox_events AS event
    WHERE ${kind} AND published_at IS NULL AND parked_at IS NULL AND id <> ALL ($1::bigint[])
      AND NOT EXISTS (SELECT FROM outbox_events AS stuck
                       WHERE stuck.user_id = event.user_id AND stuck.security = event.security AND stuck.parked_at IS NOT NULL)
    ORDER BY id LIMIT ${BATCH_ROWS}`;
