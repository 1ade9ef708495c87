import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { afterCommit } from '../../database/transaction.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { Rounds } from '../../common/concurrency/periodic-task.js';
import { AvatarStorage } from './avatar-storage.js';

/** Milliseconds between two looks for what a process that died, or a storage that was away, has left. */
const INTERVAL = 60_000;
/** Milliseconds that an answer waits for the storage; what takes longer goes on after it. */
const PATIENCE = 1000;
/** Files of one round. */
const BATCH = 500;

/**
 * Removes pictures that no profile shows any more. Which ones is written with the change that takes them away, so that it is
 * known until they are gone; removing one twice does no harm.
 */
@Injectable()
export class AvatarRemovals implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly rounds: Rounds;

  constructor(
    private readonly database: DataSource,
    private readonly storage: AvatarStorage,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.rounds = new Rounds(INTERVAL, logger, 'removing a picture failed', () => this.round());
  }

  onApplicationBootstrap(): void {
    this.rounds.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.end();
  }

  /** Has the file removed once the transaction is committed. */
  async add(tx: EntityManager, name: string): Promise<void> {
    await tx.query('INSERT INTO avatar_removals (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
    afterCommit(tx, () => Promise.race([this.remove(name), sleep(PATIENCE, undefined, { ref: false })]));
  }

  /** Removes what is due. The first failure ends the round: a storage that is away is not asked for every file. */
  finish(): Promise<void> {
    return this.rounds.run();
  }

  private async round(): Promise<void> {
    for (let count = 0; count < BATCH && !this.rounds.ended; count += 1) {
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
