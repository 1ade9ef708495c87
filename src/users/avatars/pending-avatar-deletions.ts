import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { afterCommit } from '../../database/transaction.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { PeriodicTask } from '../../common/concurrency/periodic-task.js';
import { AvatarStorage } from './avatar-storage.js';

/** Retries deletions that a crash or a storage failure interrupted. */
const INTERVAL_MS = 60_000;
/** A response waits this long for the storage; the deletion goes on after it. */
const MAX_WAIT_MS = 1000;
const BATCH_ROWS = 500;

/**
 * Deletes pictures that no profile shows any more. They are listed in a table by the transaction that replaces them, until the
 * file is gone; a second deletion does no harm.
 */
@Injectable()
export class PendingAvatarDeletions implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly task: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    private readonly storage: AvatarStorage,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.task = new PeriodicTask(INTERVAL_MS, logger, 'removing a picture failed', () => this.deleteDue());
  }

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /** Deletes the file after the commit. */
  async add(tx: EntityManager, name: string): Promise<void> {
    await tx.query('INSERT INTO avatar_removals (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
    afterCommit(tx, () => Promise.race([this.remove(name), sleep(MAX_WAIT_MS, undefined, { ref: false })]));
  }

  /** Deletes what is due, until the first failure. */
  finish(): Promise<void> {
    return this.task.runNow();
  }

  private async deleteDue(): Promise<void> {
    for (let count = 0; count < BATCH_ROWS && !this.task.stopped; count += 1) {
      const name = await this.claim();
      if (!name) return;
      await this.remove(name);
    }
  }

  /**
   * Postpones the file before the attempt: no transaction waits for the storage, other instances take other files, and one that
   * cannot be deleted goes to the end of the queue.
   */
  private async claim(): Promise<string | undefined> {
    const [rows]: [{ name: string }[]] = await this.database.query(
      `UPDATE avatar_removals SET due_at = now() + interval '1 minute'
        WHERE name = (SELECT name FROM avatar_removals WHERE due_at <= now()
                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING name`,
    );
    return rows[0]?.name;
  }

  private async remove(name: string): Promise<void> {
    await this.storage.remove(name);
    await this.database.query('DELETE FROM avatar_removals WHERE name = $1', [name]);
  }
}
