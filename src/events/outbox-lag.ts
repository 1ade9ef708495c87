import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { outboxAge, outboxParked, outboxPending } from './event-metrics.js';

/** Several scrapers share one measurement. */
const MAX_AGE_MS = 2000;
const MAX_COUNTED_ROWS = 10_000;

/** How far the topic is behind the database. Every instance reports it. */
@Injectable()
export class OutboxLag {
  private measuredUntil = 0;

  constructor(private readonly database: DataSource) {}

  /** Sets the gauges, by two partial indexes that hold only pending and parked events. */
  async measure(): Promise<void> {
    if (performance.now() < this.measuredUntil) return;
    this.measuredUntil = performance.now() + MAX_AGE_MS;
    const [row] = await this.database.query<[{ pending: number; age: number; parked: number }]>(
      `SELECT count(*)::int AS pending, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS age,
              (SELECT count(*)::int FROM outbox_events WHERE parked_at IS NOT NULL) AS parked
         FROM (SELECT created_at FROM outbox_events
                WHERE published_at IS NULL AND parked_at IS NULL ORDER BY id LIMIT ${MAX_COUNTED_ROWS}) AS waiting`,
    );
    outboxPending.set(row.pending);
    outboxAge.set(Math.max(0, row.age));
    outboxParked.set(row.parked);
  }
}
