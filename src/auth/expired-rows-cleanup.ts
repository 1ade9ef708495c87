import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { deleteExpiredValues } from '../redis/ephemeral.store.js';
import { deleteExpiredSessions } from '../sessions/expired-sessions.js';
import { deleteExpiredTokens } from './one-time-tokens.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';

/** Milliseconds between two rounds. */
const INTERVAL_MS = 3_600_000;
/** Rows a statement deletes: short enough that no request waits for its locks. */
const BATCH_ROWS = 1000;
// Not the one of the relay (…761): it is held for as long as a relay runs.
export const EXPIRED_ROWS_LOCK_KEY = 7_205_763;

/** Deletes rows of one owner, at most so many; tells how many. */
type DeleteBatch = (tx: EntityManager, maxRows: number) => Promise<number>;

const OWNERS: DeleteBatch[] = [deleteExpiredSessions, deleteExpiredTokens, deleteExpiredValues];

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
    for (const deleteBatch of OWNERS)
      for (let deleted = 1; deleted > 0 && !this.rounds.stopped; total += deleted)
        deleted = await this.runBatch(deleteBatch);
    return total;
  }

  private async round(): Promise<void> {
    const rows = await this.deleteAll();
    if (rows > 0) this.logger.info({ rows }, 'deleted expired sessions, tokens and states');
  }

  private async runBatch(deleteBatch: DeleteBatch): Promise<number> {
    return this.database.transaction(async (tx) => {
      // PostgreSQL decides who works, batch by batch; the lock ends with the transaction, so a pooler does no harm.
      const [{ mine }]: [{ mine: boolean }] = await tx.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        EXPIRED_ROWS_LOCK_KEY,
      ]);
      return mine ? deleteBatch(tx, BATCH_ROWS) : 0;
    });
  }
}
