import { Inject, Injectable, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { QUERY_CANCELED, sqlState } from '../common/database-errors.js';
import { AppError } from '../common/errors.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Semaphore } from '../common/concurrency/semaphore.js';
import { replicaOptions } from '../database/connection-options.js';
import { MAX_LIST_STATEMENT_MS, runReadOnly } from '../database/read-only.js';
import { Settings } from '../config/settings.js';

/** For a list that waits for a slot: the gateway gives up after ten seconds. */
const MAX_WAIT_MS = 1500;
/** For the replica to begin a transaction: the rest of the ten seconds is for the primary. */
const MAX_REPLICA_WAIT_MS = 1000;
/** After a failure the replica is not used for this long. */
const REPLICA_PAUSE_MS = 5000;

/**
 * Runs the administrators' lists on the replica if it answers, else on the primary. A semaphore bounds them, so that slow
 * lists leave connections for sign-ins.
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
   * @throws AppError `busy` where no slot becomes free, or the replica failed too late to use the primary
   */
  run<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.slots.runExclusive(async () => {
      if (!this.settings.database.replicaUrl || Date.now() < this.retryAt) return runReadOnly(this.primary, work);
      const started = performance.now();
      try {
        return await this.onReplica(work);
      } catch (error) {
        if (!isReplicaFault(error)) throw error;
        this.retryAt = Date.now() + REPLICA_PAUSE_MS;
        this.logger.warn({ err: error }, 'the replica does not answer; lists are read on the primary');
        if (performance.now() - started > MAX_REPLICA_WAIT_MS * 1.5) throw new AppError('busy', { retryAfter: 1 });
        return runReadOnly(this.primary, work);
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
      runReadOnly(await this.openReplica(), (tx) => {
        clearTimeout(timer);
        return work(tx);
      });
    // A transaction that begins too late ends by the time-outs of its connection; its result is ignored.
    return Promise.race([read().finally(() => clearTimeout(timer)), late]);
  }

  private openReplica(): Promise<DataSource> {
    this.replica ??= new DataSource({
      ...replicaOptions(this.settings, this.concurrency, MAX_LIST_STATEMENT_MS),
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

/** Connection, permission, schema or replication errors, not those that the primary would raise too. */
function isReplicaFault(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return !(error instanceof AppError) && state !== QUERY_CANCELED && !state.startsWith('22');
}
