import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { afterCommit } from '../../database/transaction.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { PeriodicTask } from '../../common/concurrency/periodic-task.js';
import { AvatarStorage } from './avatar-storage.js';

/** Milliseconds between two looks for what a process that died, or a storage that was away, has left. */
const INTERVAL_MS = 60_000;
/** Milliseconds that an answer waits for the storage; what takes longer goes on after it. */
const MAX_WAIT_MS = 1000;
/** Files of one round. */
const BATCH_ROWS = 500;

/**
 * Removes pictures that no profile shows any more. Which ones is written with the change that takes them away, so that it is
 * known until they are gone; removing one twice does no harm.
 */
@Injectable()
export class PendingAvatarDeletions implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rounds: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    private readonly storage: AvatarStorage,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.rounds = new PeriodicTask(INTERVAL_MS, logger, 'removing a picture failed', () => this.round());
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.stop();
  }

  /** Has the file removed once the transaction is committed. */
  async add(tx: EntityManager, name: string): Promise<void> {
    await tx.query('INSERT INTO avatar_removals (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
    afterCommit(tx, () => Promise.race([this.remove(name), sleep(MAX_WAIT_MS, undefined, { ref: false })]));
  }

  /** Removes what is due. The first failure ends the round: a storage that is away is not asked for every file. */
  finish(): Promise<void> {
    return this.rounds.runNow();
  }

  private async round(): Promise<void> {
    for (let count = 0; count < BATCH_ROWS && !this.rounds.stopped; count += 1) {
      const name = await this.claim();
      if (!name) return;
      await this.remove(name);
    }
  }

  /**
   * Puts the file off before it is tried: no connection waits for the storage, other instances turn to other files, and one
   * that cannot be removed goes behind those that can.
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
