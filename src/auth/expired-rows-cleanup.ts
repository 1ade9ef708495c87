import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';

/** Milliseconds between two rounds. */
const INTERVAL_MS = 3_600_000;
/** Rows a statement deletes: short enough that no request waits for its locks. */
const BATCH_ROWS = 1000;
// Not the one of the relay (…761): it is held for as long as a relay runs.
export const EXPIRED_ROWS_LOCK_KEY = 7_205_763;

/** What is kept for people to look into, and until when. Each column has an index. */
const EXPIRED: [table: string, key: string, column: string, before: string][] = [
  ['user_sessions', 'id', 'expires_at', `now() - interval '30 days'`],
  ['user_sessions', 'id', 'revoked_at', `now() - interval '30 days'`],
  ['one_time_tokens', 'id', 'expires_at', `now() - interval '1 day'`],
  // Each write of one clears others away, but there may be no further write.
  ['ephemeral_values', 'key', 'expires_at', 'now()'],
];

/** Deletes sessions, mailed tokens and OAuth states that ended long ago, once an hour. */
@Injectable()
export class ExpiredRowsCleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rounds: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.rounds = new PeriodicTask(INTERVAL_MS, logger, 'deleting expired rows failed', () => this.round());
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.stop();
  }

  /** @returns how many rows went; 0 where another instance is at it */
  async deleteAll(): Promise<number> {
    let total = 0;
    for (const [table, key, column, before] of EXPIRED)
      for (let deleted = BATCH_ROWS; deleted === BATCH_ROWS && !this.rounds.stopped; total += deleted)
        deleted = await this.deleteBatch(table, key, column, before);
    return total;
  }

  private async round(): Promise<void> {
    const rows = await this.deleteAll();
    if (rows > 0) this.logger.info({ rows }, 'deleted expired sessions, tokens and states');
  }

  private async deleteBatch(table: string, key: string, column: string, before: string): Promise<number> {
    return this.database.transaction(async (tx) => {
      // PostgreSQL decides who works, batch by batch; the lock goes with the transaction, so a pooler does no harm.
      const [{ mine }]: [{ mine: boolean }] = await tx.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        EXPIRED_ROWS_LOCK_KEY,
      ]);
      if (!mine) return 0;
      // In order, and as an array: else the planner would read the table for the rows that are due, or to join them.
      const due = `SELECT ${key} FROM ${table} WHERE ${column} < ${before} ORDER BY ${column} LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED`;
      const [, count]: [unknown, number] = await tx.query(`DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(${due}))`);
      return count;
    });
  }
}
