import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { EXPIRED_ROWS_LOCK_KEY } from '../database/advisory-locks.js';
import { deleteExpiredMails } from '../mail/mail-queue.js';
import { deleteExpiredValues } from '../redis/ephemeral.store.js';
import { deleteExpiredSessions } from '../sessions/expired-sessions.js';
import { deleteExpiredTokens } from '../users/links/one-time-tokens.js';
import { deleteFormerEmails } from '../users/emails/former-emails.js';
import { deleteRetiredKeys } from './keys/key-rotation.js';
import { PeriodicTask } from '../common/concurrency/periodic-task.js';
import { tryEach } from '../common/concurrency/try-each.js';

const INTERVAL_MS = 3_600_000;
/** Per statement: few enough that no request waits for its locks. */
const BATCH_ROWS = 1000;

type DeleteBatch = (tx: EntityManager, maxRows: number) => Promise<number>;

const OWNERS: DeleteBatch[] = [
  deleteExpiredSessions,
  deleteExpiredTokens,
  deleteFormerEmails,
  deleteExpiredValues,
  deleteExpiredMails,
  deleteRetiredKeys,
];

/** Deletes expired sessions, mailed tokens, OAuth states and parked mails once an hour. */
@Injectable()
export class ExpiredRowsCleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly task: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.task = new PeriodicTask(INTERVAL_MS, logger, 'deleting expired rows failed', () => this.cleanUp());
  }

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /** @returns the number of rows; 0 while another instance does it */
  async deleteAll(): Promise<number> {
    let total = 0;
    await tryEach(OWNERS, async (deleteBatch) => {
      for (let deleted = 1; deleted > 0 && !this.task.stopped; total += deleted)
        deleted = await this.runBatch(deleteBatch);
    });
    return total;
  }

  private async cleanUp(): Promise<void> {
    const rows = await this.deleteAll();
    if (rows > 0) this.logger.info({ rows }, 'deleted expired sessions, tokens and states');
  }

  private async runBatch(deleteBatch: DeleteBatch): Promise<number> {
    return this.database.transaction(async (tx) => {
      // A transaction's lock, which also works through a pooler: one instance deletes at a time.
      const [{ mine }]: [{ mine: boolean }] = await tx.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [
        EXPIRED_ROWS_LOCK_KEY,
      ]);
      return mine ? deleteBatch(tx, BATCH_ROWS) : 0;
    });
  }
}
