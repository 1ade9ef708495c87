import { randomUUID } from 'node:crypto';
import { Cache, createCache } from 'cache-manager';
import { redisInsStore } from 'cache-manager-ioredis-yet';
import type { Redis } from 'ioredis';
import type { Logger } from '../common/logging/logger.js';
import type { CacheStore, CacheToken } from './cache-store.js';
import { CircuitBreaker, RedisUnavailable } from '../redis/circuit-breaker.js';
import type { EntrySigner } from '../redis/entry-signer.js';
import {
  entryOf,
  isGeneration,
  GENERATION_KEY,
  newGeneration,
  quote,
  valuePrefix,
  startNewGeneration,
} from './redis-entry.js';
import { LOCK_FOR_WRITE, SET_WITH_LEASE, LEASE, COMMIT_WRITE } from './redis-scripts.js';

/** Milliseconds. A lease outlives the query of its reader, a claim the transaction of its writer. */
const LEASE_MS = 5000;
const WRITE_LOCK_MS = 15_000;
/** Entries that are emptied one by one after an outage; of more, all that is cached is given up. */
const MAX_PENDING_ENTRIES = 1000;
/** Entries that one script empties; Redis serves nobody else meanwhile. */
const CHUNK_ENTRIES = 200;
const RETRY_MS = 1000;

/** Entries that this process has to empty, each with those claims of its own that may still stand there. */
type PendingInvalidations = Map<string, string[]>;

const NOTHING: [unknown, string | null] = [null, null];

/**
 * Values in Redis, through cache-manager over the one connection. What could not be told to Redis is made up for: those
 * entries are emptied before they are read again, and after a lost connection, when Redis may be another or an older one,
 * everything is void.
 */
export class RedisStore implements CacheStore {
  private readonly cache: Cache;
  private pendingInvalidations: PendingInvalidations = new Map();
  private inFlightInvalidations: PendingInvalidations = new Map();
  /** Entries that are being emptied, and how many times over. */
  private readonly invalidating = new Map<string, number>();
  /** How often all that is cached came into doubt, and up to which of those it has been voided. */
  private requestedGenerations = 0;
  private startedGenerations = 0;
  private reconciling = false;
  private retry: NodeJS.Timeout | undefined;

  /** @param onMissed told of entries that may be out of date while this process cannot reach Redis; others may */
  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly signer: EntrySigner,
    private readonly logger: Logger,
    private readonly onMissed: (keys: string[]) => Promise<void>,
  ) {
    const redis = breaker.redis!;
    // The library only reads; what is written is for the scripts.
    this.cache = createCache(redisInsStore({ get: (key: string) => breaker.read(key) } as unknown as Redis));
    redis.on('close', () => (this.requestedGenerations += 1));
    redis.on('ready', () => void this.reconcile());
    breaker.onRecovery(() => void this.reconcile());
  }

  async read(key: string): Promise<string | null | undefined> {
    if (this.isUntrusted(key)) return undefined;
    const reading = Promise.all([this.cache.store.get<unknown>(key), this.breaker.read(GENERATION_KEY)]);
    const found = await reading.catch((error: unknown) => {
      // The library fails on what is no JSON; such an entry, whoever wrote it, is none.
      if (error instanceof SyntaxError) return NOTHING;
      this.report(error);
      return null;
    });
    // Asked again: it may have come into doubt during the wait.
    if (found === null || this.isUntrusted(key)) return undefined;
    const [entry, mark] = found;
    if (typeof entry !== 'string' || !mark) return null;
    const prefix = valuePrefix(mark);
    return entry.startsWith(prefix) ? this.signer.open(key, entry.slice(prefix.length)) : null;
  }

  async acquireLease(key: string): Promise<CacheToken | null> {
    const word = quote(`lease:${randomUUID()}`);
    const mark = await this.attempt(
      (redis) => redis.eval(LEASE, 2, key, GENERATION_KEY, word, LEASE_MS, newGeneration()) as Promise<string | null>,
      null,
    );
    return mark !== null && isGeneration(mark) ? { id: word, generation: mark } : null;
  }

  async setWithLease(key: string, lease: CacheToken, value: string, ttl: number): Promise<void> {
    const entry = this.entry(key, lease, value, ttl);
    await this.attempt((redis) => redis.eval(SET_WITH_LEASE, 1, key, lease.id, entry, ttl), null);
  }

  async lockForWrite(key: string): Promise<CacheToken> {
    const word = quote(`claim:${randomUUID()}`);
    const mark = await this.attempt(
      (redis) =>
        redis.eval(LOCK_FOR_WRITE, 2, key, GENERATION_KEY, word, WRITE_LOCK_MS, newGeneration()) as Promise<string>,
      null,
    );
    return { id: word, generation: mark !== null && isGeneration(mark) ? mark : null };
  }

  async commitWrite(key: string, claim: CacheToken, value: string | null, ttl: number): Promise<void> {
    const entry = value === null || claim.generation === null ? '' : this.entry(key, claim, value, ttl);
    const settled = await this.attempt(async (redis) => {
      await redis.eval(COMMIT_WRITE, 1, key, entry, ttl, WRITE_LOCK_MS, claim.id);
      return true;
    }, false);
    if (settled) return;
    this.addPending(new Map([[key, [claim.id]]]));
    await this.onMissed([key]);
  }

  async invalidate(keys: string[]): Promise<boolean> {
    // Not read any more from this moment on, however long Redis takes.
    for (const key of keys) this.invalidating.set(key, (this.invalidating.get(key) ?? 0) + 1);
    const entries: PendingInvalidations = new Map(keys.map((key) => [key, []]));
    const emptied = await this.invalidateNow(entries);
    if (!emptied) this.addPending(entries);
    for (const key of keys) {
      const others = this.invalidating.get(key)! - 1;
      if (others > 0) this.invalidating.set(key, others);
      else this.invalidating.delete(key);
    }
    return emptied;
  }

  invalidateAll(): void {
    this.requestedGenerations += 1;
    void this.reconcile();
  }

  private entry(key: string, token: CacheToken, value: string, ttl: number): string {
    return entryOf(token, this.signer.sign(key, value, Date.now() + ttl));
  }

  private async invalidateNow(missed: PendingInvalidations): Promise<boolean> {
    const entries = [...missed];
    const chunks: (typeof entries)[] = [];
    for (let start = 0; start < entries.length; start += CHUNK_ENTRIES)
      chunks.push(entries.slice(start, start + CHUNK_ENTRIES));
    return this.attempt(async (redis) => {
      const emptying = chunks.map((chunk) => {
        const keys = chunk.map(([key]) => key);
        const claims = chunk.flatMap(([, own]) => own);
        return redis.eval(COMMIT_WRITE, keys.length, ...keys, '', 0, WRITE_LOCK_MS, ...claims);
      });
      await Promise.all(emptying);
      return true;
    }, false);
  }

  private isUntrusted(key: string): boolean {
    const { pendingInvalidations, inFlightInvalidations, invalidating } = this;
    if (this.startedGenerations < this.requestedGenerations) return true;
    // Nearly always empty; then the key need not even be hashed.
    const any = pendingInvalidations.size > 0 || inFlightInvalidations.size > 0 || invalidating.size > 0;
    return any && (pendingInvalidations.has(key) || inFlightInvalidations.has(key) || invalidating.has(key));
  }

  private addPending(entries: PendingInvalidations): void {
    for (const [key, claims] of entries)
      this.pendingInvalidations.set(key, [...(this.pendingInvalidations.get(key) ?? []), ...claims]);
    if (this.pendingInvalidations.size > MAX_PENDING_ENTRIES) {
      this.requestedGenerations += 1;
      this.pendingInvalidations.clear();
    }
    this.scheduleReconcile();
  }

  /** Until it has succeeded, whatever it is about goes past Redis. */
  private async reconcile(): Promise<void> {
    if (this.reconciling) return;
    this.reconciling = true;
    const { requestedGenerations } = this;
    if (this.startedGenerations < requestedGenerations) {
      const voided = await this.attempt((redis) => startNewGeneration(redis).then(() => true), false);
      if (voided) this.startedGenerations = requestedGenerations;
    }
    // Set apart: what is missed from here on may be a later change of the same entry.
    const mending = this.pendingInvalidations;
    [this.inFlightInvalidations, this.pendingInvalidations] = [mending, new Map()];
    const emptied = mending.size === 0 || (await this.invalidateNow(mending));
    this.inFlightInvalidations = new Map();
    if (!emptied) this.addPending(mending);
    this.reconciling = false;
    if (this.startedGenerations < this.requestedGenerations || this.pendingInvalidations.size > 0)
      this.scheduleReconcile();
  }

  private scheduleReconcile(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      void this.reconcile();
    }, RETRY_MS).unref();
  }

  /** Never rejects: without Redis there is no cache, and everything else goes on. */
  private async attempt<T, F>(command: (redis: Redis) => Promise<T>, otherwise: F): Promise<T | F> {
    try {
      return await this.breaker.run(command);
    } catch (error) {
      this.report(error);
      return otherwise;
    }
  }

  private report(error: unknown): void {
    // The message alone: the error carries the command with its values.
    if (!(error instanceof RedisUnavailable)) this.logger.warn({ reason: String(error) }, 'Redis refused a command');
  }
}
