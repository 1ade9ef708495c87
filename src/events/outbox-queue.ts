import type { PendingEvent } from './event-message.js';
import type { LeaderLock } from './leader-lock.js';

/** Events of one message to the broker's library; beyond, its grouping by partition costs more than it saves. */
export const BATCH_ROWS = 1000;
/** Events that one clean-up statement looks at. */
const CLEANUP_ROWS = 2000;

/**
 * The next events in the order of their ids, which per user is the order of commits. Not those on their way already, and
 * none of a user one of whose events is parked: what comes after it waits with it.
 */
export function readBatch(lock: LeaderLock, onTheirWay: string[]): Promise<PendingEvent[]> {
  return lock.query<PendingEvent>(
    `SELECT id, event_id, user_id, event_type, payload::text, traceparent,
            to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS timestamp
       FROM outbox_events AS event
      WHERE published_at IS NULL AND parked_at IS NULL AND id <> ALL ($1::bigint[])
        AND NOT EXISTS (SELECT FROM outbox_events AS stuck WHERE stuck.user_id = event.user_id AND stuck.parked_at IS NOT NULL)
      ORDER BY id LIMIT ${BATCH_ROWS}`,
    [onTheirWay],
  );
}

export async function markPublished(lock: LeaderLock, ids: string[]): Promise<void> {
  await lock.query('UPDATE outbox_events SET published_at = now() WHERE id = ANY ($1::bigint[])', [ids]);
}

/**
 * Sets aside what the broker refused.
 * @returns false where the event says something else by now, its user having been erased; then that is to be sent
 */
export async function park(lock: LeaderLock, { id, payload }: PendingEvent, reason: string): Promise<boolean> {
  const rows = await lock.query(
    'UPDATE outbox_events SET parked_at = now(), last_error = $3 WHERE id = $1 AND payload::text = $2 RETURNING id',
    [id, payload, reason.slice(0, 500)],
  );
  return rows.length > 0;
}

/**
 * Looks at a bounded number of events in the order of their ids, and removes those published before the retention. By id:
 * where months of events wait, or have just been repeated, a walk to the first that is due would have no bound.
 * @param after id up to which this walk has looked already
 * @returns the id to go on after; null at the first events that are too young, where the next walk begins anew
 */
export async function deletePublished(lock: LeaderLock, retentionDays: number, after = '0'): Promise<string | null> {
  const [row] = await lock.query<{ last: string }>(
    // As an array: else the planner may read the whole table to join the ids with it.
    `WITH seen AS (SELECT id, created_at, published_at FROM outbox_events WHERE id > $2 ORDER BY id LIMIT ${CLEANUP_ROWS}),
          removed AS (DELETE FROM outbox_events WHERE id = ANY (ARRAY(
            SELECT id FROM seen WHERE published_at < now() - make_interval(days => $1))))
     SELECT max(id) AS last FROM seen
     HAVING count(*) = ${CLEANUP_ROWS} AND bool_or(created_at < now() - make_interval(days => $1))`,
    [retentionDays, after],
  );
  return row?.last ?? null;
}

/** True where an event waits that a relay before this one may have sent without noting it. */
export async function anyPending(lock: LeaderLock): Promise<boolean> {
  const rows = await lock.query('SELECT 1 FROM outbox_events WHERE published_at IS NULL AND parked_at IS NULL LIMIT 1');
  return rows.length > 0;
}
