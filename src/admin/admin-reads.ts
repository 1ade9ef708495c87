import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { QUERY_CANCELED, sqlState } from '../common/database-errors.js';
import { AppError } from '../common/errors.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Semaphore } from '../common/concurrency/semaphore.js';
import { replicaOptions } from '../database/connection-options.js';
import { Settings } from '../config/settings.js';

/** Milliseconds that a statement may take, and that a list waits for its turn: the gateway gives up after ten seconds. */
const MAX_STATEMENT_MS = 3000;
const MAX_WAIT_MS = 1500;
/** Milliseconds within which the replica begins: what is left after that is the primary's, which may hang as well. */
const MAX_REPLICA_WAIT_MS = 1000;
/** Milliseconds for which a replica that failed is left alone. */
const REPLICA_PAUSE_MS = 5000;

/**
 * Where the administrators' lists are read: on the replica where there is one and it answers, else on the primary. Only a
 * few at once, so that no list, however slow, takes the connections that sign-ins need.
 */
@Injectable()
export class AdminReads implements OnApplicationShutdown {
  private readonly slots: Semaphore;
  private replica: Promise<DataSource> | undefined;
  private retryAt = 0;

  constructor(
    private readonly primary: DataSource,
    private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.slots = new Semaphore(this.concurrency, MAX_WAIT_MS);
  }

  private get concurrency(): number {
    return Math.max(1, Math.floor(this.settings.database.poolSize / 3));
  }

  /**
   * Runs `work` in a read-only transaction whose statements are cut off after three seconds.
   * @throws AppError `busy` where there is no place, or no time left to ask the primary instead of the replica
   */
  run<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.slots.run(async () => {
      if (!this.settings.database.replicaUrl || Date.now() < this.retryAt) return readOnly(this.primary, work);
      const started = performance.now();
      try {
        return await this.onReplica(work);
      } catch (error) {
        if (!isReplicaFault(error)) throw error;
        this.retryAt = Date.now() + REPLICA_PAUSE_MS;
        this.logger.warn({ err: error }, 'the replica does not answer; lists are read on the primary');
        if (performance.now() - started > MAX_REPLICA_WAIT_MS * 1.5) throw new AppError('busy', { retryAfter: 1 });
        return readOnly(this.primary, work);
      }
    });
  }

  async onApplicationShutdown(): Promise<void> {
    const replica = await this.replica?.catch(() => undefined);
    if (replica?.isInitialized) await replica.destroy();
  }

  private async onReplica<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no transaction in time')), MAX_REPLICA_WAIT_MS);
    });
    const read = async () =>
      readOnly(await this.openReplica(), (tx) => {
        clearTimeout(timer);
        return work(tx);
      });
    // What comes too late ends by the limits of its connection, and nobody hears of it.
    return Promise.race([read().finally(() => clearTimeout(timer)), late]);
  }

  private openReplica(): Promise<DataSource> {
    this.replica ??= new DataSource({
      ...replicaOptions(this.settings, this.concurrency, MAX_STATEMENT_MS),
      entities: this.primary.options.entities,
      logger: 'debug',
    })
      .initialize()
      .catch((error: unknown) => {
        this.replica = undefined;
        throw error;
      });
    return this.replica;
  }
}

function readOnly<T>(database: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    // JIT would spend longer on compiling than any of these statements takes.
    await tx.query(`SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${MAX_STATEMENT_MS}; SET LOCAL jit = off`);
    return work(tx);
  });
}

/** Unreachable, closed to us, behind in its schema, in conflict with replication. Not: what would fail on the primary too. */
function isReplicaFault(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return !(error instanceof AppError) && state !== QUERY_CANCELED && !state.startsWith('22');
}
