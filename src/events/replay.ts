import type { DataSource } from 'typeorm';
import { LOCK_OUT_RELAY } from './leader-lock.js';

export interface ReplayScope {
  /** The replay starts with the first event at or after this moment. */
  since: Date;
  userId?: string;
}

/** Ids of the first and the last event of a replay. */
export interface ReplayRange {
  first: string;
  last: string;
  events: number;
}

/**
 * Makes published and parked events pending again. They keep their ids, so the relay repeats them in order and before new
 * events. The range goes by id, not by time, and has no end, so that the newest event is also the last one. One statement
 * while no event is in flight: between two, the relay would publish new events before old ones.
 * @returns null where there is nothing to replay
 */
export async function replay(database: DataSource, { since, userId }: ReplayScope): Promise<ReplayRange | null> {
  return database.transaction(async (tx) => {
    await tx.query('SET LOCAL statement_timeout = 0');
    await tx.query(LOCK_OUT_RELAY);
    const [range] = await tx.query<[{ first: string | null; last: string; events: number }]>(
      `WITH again AS (
         UPDATE outbox_events SET published_at = NULL, parked_at = NULL, last_error = NULL
          WHERE id >= (SELECT min(id) FROM outbox_events WHERE created_at >= $1 AND ($2::uuid IS NULL OR user_id = $2))
            AND ($2::uuid IS NULL OR user_id = $2) AND (published_at IS NOT NULL OR parked_at IS NOT NULL)
         RETURNING id)
       SELECT min(id) AS first, max(id) AS last, count(*)::int AS events FROM again`,
      [since, userId ?? null],
    );
    return range.first === null ? null : { first: range.first, last: range.last, events: range.events };
  });
}

export interface ReplayProgress {
  /** Events not published yet. */
  waiting: number;
  /** Events behind a parked one of the same user, which a replay from an earlier moment would include. */
  stuck: number;
  parked: number;
}

export async function replayProgress(
  database: DataSource,
  { first, last }: ReplayRange,
  userId?: string,
): Promise<ReplayProgress> {
  const [row] = await database.query<[ReplayProgress]>(
    `WITH waiting AS (
       SELECT EXISTS (SELECT FROM outbox_events AS stuck
                       WHERE stuck.user_id = event.user_id AND stuck.security = event.security AND stuck.parked_at IS NOT NULL) AS behind
         FROM outbox_events AS event
        WHERE published_at IS NULL AND parked_at IS NULL AND id BETWEEN $1 AND $2 AND ($3::uuid IS NULL OR user_id = $3))
     SELECT count(*) FILTER (WHERE NOT behind)::int AS waiting, count(*) FILTER (WHERE behind)::int AS stuck,
            (SELECT count(*)::int FROM outbox_events
              WHERE parked_at IS NOT NULL AND id BETWEEN $1 AND $2 AND ($3::uuid IS NULL OR user_id = $3)) AS parked
       FROM waiting`,
    [first, last, userId ?? null],
  );
  return row;
}
