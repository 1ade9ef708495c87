import { randomUUID } from 'node:crypto';
import { redisInsStore, type RedisStore as Reader } from 'cache-manager-ioredis-yet';
import type { Redis } from 'ioredis';
import type { Logger } from '../common/logging/logger.js';
import { CircuitBreaker, RedisUnavailable } from '../redis/circuit-breaker.js';
import { DecodedEntries } from '../redis/decoded-entries.js';
import type { EntrySigner, SignedValue } from '../redis/entry-signer.js';
import type { CacheStore, CacheToken } from './cache-store.js';
import * as entries from './redis-entry.js';

/** A lease outlives its reader's query, a lock its writer's transaction. */
const LEASE_MS = 5000;
const WRITE_LOCK_MS = 15_000;
/** Entries invalidated one by one after an outage; more end the generation. */
const MAX_PENDING_ENTRIES = 500;
const RETRY_MS = 1000;

/**
 * Values in Redis. An invalidation that Redis has not acknowledged stays pending: this process bypasses the entry until a
 * retry succeeds. A lost connection makes the generation pending, since Redis may come back with older data.
 */
export class RedisStore implements CacheStore {
  // cache-manager only parses what a request has read with one MGET; all writes go through the scripts.
  private readonly parser: Reader = redisInsStore({ get: async (text: string) => text } as unknown as Redis);
  private readonly decoded = new DecodedEntries<SignedValue & { prefix: string }>();
  /** By key, the own locks that may still stand there. A retry that succeeds removes only the array that it started with. */
  private readonly pendingInvalidations = new Map<string, string[]>();
  private retry: NodeJS.Timeout | undefined;

  /** @param onInvalidationFailed called with keys whose old values other processes may still serve */
  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly signer: EntrySigner,
    private readonly logger: Logger,
    private readonly onInvalidationFailed: (keys: string[]) => Promise<void>,
  ) {
    breaker.redis!.on('close', () => this.addPending(entries.GENERATION_KEY));
    breaker.redis!.on('ready', () => void this.reconcile());
  }

  async get(key: string): Promise<string | null | undefined> {
    if ([key, entries.GENERATION_KEY].some((name) => this.pendingInvalidations.has(name))) return undefined;
    const reads = Promise.all([this.breaker.get(key), this.breaker.get(entries.GENERATION_KEY)]);
    const found = await reads.catch((error: unknown) => this.report(error));
    if (!found) return undefined;
    const [text, generation] = found;
    if (text === null || generation === null) return null;
    const prefix = entries.valuePrefix(generation);
    const entry = this.decoded.get(key, text) ?? (await this.decode(key, text, prefix));
    return entry?.prefix === prefix && entry.expiresAt > Date.now() ? entry.value : null;
  }

  async acquireLease(key: string): Promise<CacheToken | null> {
    const lease = await this.acquire('lease', entries.ACQUIRE_LEASE, key, LEASE_MS);
    return lease.generation === null ? null : lease;
  }

  async setWithLease(key: string, lease: CacheToken, value: string, ttlMs: number): Promise<void> {
    const entry = this.toEntry(key, lease.generation!, value, ttlMs);
    await this.attempt((redis) => redis.eval(entries.SET_WITH_LEASE, 1, key, lease.id, entry, ttlMs));
  }

  lockForWrite(key: string): Promise<CacheToken> {
    return this.acquire('lock', entries.LOCK_FOR_WRITE, key, WRITE_LOCK_MS);
  }

  async commitWrite(key: string, { id, generation }: CacheToken, value: string | null, ttlMs: number): Promise<void> {
    const entry = value === null || generation === null ? '' : this.toEntry(key, generation, value, ttlMs);
    if (await this.commit([key], entry, ttlMs, [id])) return;
    this.addPending(key, id);
    this.scheduleReconcile();
    await this.onInvalidationFailed([key]);
  }

  invalidate(keys: string[]): Promise<boolean> {
    // Pending before Redis is asked: the entries are not read from this moment on.
    for (const key of keys) this.addPending(key);
    return this.reconcile(keys);
  }

  /** Without its key the generation is over; the next lease or lock starts another. */
  invalidateAll(): void {
    void this.invalidate([entries.GENERATION_KEY]);
  }

  /** @returns null for a lease, a lock, a value of another generation or release, and an entry with a wrong MAC */
  private async decode(key: string, text: string, prefix: string): Promise<(SignedValue & { prefix: string }) | null> {
    // cache-manager throws on what is not JSON.
    const entry = await this.parser.get<unknown>(text).catch(() => null);
    if (typeof entry !== 'string' || !entry.startsWith(prefix)) return null;
    const signed = this.signer.decode(key, entry.slice(prefix.length));
    return signed && this.decoded.set(key, text, { ...signed, prefix });
  }

  private addPending(key: string, ...locks: string[]): void {
    this.pendingInvalidations.set(key, [...(this.pendingInvalidations.get(key) ?? []), ...locks]);
  }

  /** @returns false where Redis did not acknowledge, and a retry is scheduled */
  private async reconcile(keys = [...this.pendingInvalidations.keys()]): Promise<boolean> {
    const started = keys.map((key) => [key, this.pendingInvalidations.get(key)!] as const);
    const locks = started.flatMap(([, own]) => own);
    const done = keys.length === 0 || (await this.commit(keys, '', 0, locks));
    if (!done) this.scheduleReconcile();
    else
      for (const [key, own] of started)
        if (this.pendingInvalidations.get(key) === own) this.pendingInvalidations.delete(key);
    return done;
  }

  private scheduleReconcile(): void {
    if (this.pendingInvalidations.size > MAX_PENDING_ENTRIES) {
      this.pendingInvalidations.clear();
      this.addPending(entries.GENERATION_KEY);
    }
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      void this.reconcile();
    }, RETRY_MS).unref();
  }

  private async acquire(kind: 'lease' | 'lock', script: string, key: string, ttlMs: number): Promise<CacheToken> {
    const id = JSON.stringify(`${kind}:${randomUUID()}`);
    const generation = await this.attempt((redis) =>
      redis.eval(script, 2, key, entries.GENERATION_KEY, id, ttlMs, randomUUID()),
    );
    return { id, generation: generation as string | null };
  }

  private async commit(keys: string[], entry: string, ttlMs: number, locks: string[]): Promise<boolean> {
    const values = [...keys, entry, ttlMs, WRITE_LOCK_MS, ...locks];
    const done = await this.attempt((redis) =>
      redis.eval(entries.COMMIT_WRITE, keys.length, ...values).then(() => true),
    );
    return done ?? false;
  }

  private toEntry(key: string, generation: string, value: string, ttlMs: number): string {
    return JSON.stringify(entries.valuePrefix(generation) + this.signer.sign(key, value, Date.now() + ttlMs));
  }

  /** Never rejects: null where Redis is unavailable or refuses. */
  private async attempt<T>(command: (redis: Redis) => Promise<T>): Promise<T | null> {
    try {
      return await this.breaker.run(command);
    } catch (error) {
      this.report(error);
      return null;
    }
  }

  private report(error: unknown): void {
    // Only the message: the error carries the command with its values.
    if (!(error instanceof RedisUnavailable)) this.logger.warn({ reason: String(error) }, 'Redis refused a command');
  }
}
