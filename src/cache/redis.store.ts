import { randomUUID } from 'node:crypto';
import { Cache, createCache } from 'cache-manager';
import { redisInsStore } from 'cache-manager-ioredis-yet';
import type { Redis } from 'ioredis';
import type { Logger } from '../common/logging/logger.js';
import type { CacheStore, Token } from './cache-store.js';
import { CircuitBreaker, RedisUnavailable } from '../redis/circuit-breaker.js';
import type { EntrySigner } from '../redis/entry-signer.js';
import { entryOf, isMark, MARK_KEY, newMark, quote, valuePrefix, voidCachedUsers } from './redis-entry.js';
import { CLAIM, FILL, LEASE, SETTLE } from './redis-scripts.js';

/** Milliseconds. A lease outlives the query of its reader, a claim the transaction of its writer. */
const LEASE_TTL = 5000;
const CLAIM_TTL = 15_000;
/** Entries that are emptied one by one after an outage; of more, all that is cached is given up. */
const MOST_MISSED = 1000;
/** Entries that one script empties; Redis serves nobody else meanwhile. */
const CHUNK = 200;
const RETRY = 1000;

/** Entries that this process has to empty, each with those claims of its own that may still stand there. */
type Missed = Map<string, string[]>;

const NOTHING: [unknown, string | null] = [null, null];

/**
 * Values in Redis, through cache-manager over the one connection. What could not be told to Redis is made up for: those
 * entries are emptied before they are read again, and after a lost connection, when Redis may be another or an older one,
 * everything is void.
 */
export class RedisStore implements CacheStore {
  private readonly cache: Cache;
  private missed: Missed = new Map();
  private mending: Missed = new Map();
  /** Entries that are being emptied, and how many times over. */
  private readonly emptying = new Map<string, number>();
  /** How often all that is cached came into doubt, and up to which of those it has been voided. */
  private doubts = 0;
  private cleared = 0;
  private healing = false;
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
    redis.on('close', () => (this.doubts += 1));
    redis.on('ready', () => void this.heal());
    breaker.onRecovery(() => void this.heal());
  }

  async read(key: string): Promise<string | null | undefined> {
    if (this.isDoubtful(key)) return undefined;
    const reading = Promise.all([this.cache.store.get<unknown>(key), this.breaker.read(MARK_KEY)]);
    const found = await reading.catch((error: unknown) => {
      // The library fails on what is no JSON; such an entry, whoever wrote it, is none.
      if (error instanceof SyntaxError) return NOTHING;
      this.report(error);
      return null;
    });
    // Asked again: it may have come into doubt during the wait.
    if (found === null || this.isDoubtful(key)) return undefined;
    const [entry, mark] = found;
    if (typeof entry !== 'string' || !mark) return null;
    const prefix = valuePrefix(mark);
    return entry.startsWith(prefix) ? this.signer.open(key, entry.slice(prefix.length)) : null;
  }

  async lease(key: string): Promise<Token | null> {
    const word = quote(`lease:${randomUUID()}`);
    const mark = await this.attempt(
      (redis) => redis.eval(LEASE, 2, key, MARK_KEY, word, LEASE_TTL, newMark()) as Promise<string | null>,
      null,
    );
    return mark !== null && isMark(mark) ? { word, mark } : null;
  }

  async fill(key: string, lease: Token, value: string, ttl: number): Promise<void> {
    const entry = this.entry(key, lease, value, ttl);
    await this.attempt((redis) => redis.eval(FILL, 1, key, lease.word, entry, ttl), null);
  }

  async claim(key: string): Promise<Token> {
    const word = quote(`claim:${randomUUID()}`);
    const mark = await this.attempt(
      (redis) => redis.eval(CLAIM, 2, key, MARK_KEY, word, CLAIM_TTL, newMark()) as Promise<string>,
      null,
    );
    return { word, mark: mark !== null && isMark(mark) ? mark : null };
  }

  async settle(key: string, claim: Token, value: string | null, ttl: number): Promise<void> {
    const entry = value === null || claim.mark === null ? '' : this.entry(key, claim, value, ttl);
    const settled = await this.attempt(async (redis) => {
      await redis.eval(SETTLE, 1, key, entry, ttl, CLAIM_TTL, claim.word);
      return true;
    }, false);
    if (settled) return;
    this.miss(new Map([[key, [claim.word]]]));
    await this.onMissed([key]);
  }

  async empty(keys: string[]): Promise<boolean> {
    // Not read any more from this moment on, however long Redis takes.
    for (const key of keys) this.emptying.set(key, (this.emptying.get(key) ?? 0) + 1);
    const entries: Missed = new Map(keys.map((key) => [key, []]));
    const emptied = await this.emptyNow(entries);
    if (!emptied) this.miss(entries);
    for (const key of keys) {
      const others = this.emptying.get(key)! - 1;
      if (others > 0) this.emptying.set(key, others);
      else this.emptying.delete(key);
    }
    return emptied;
  }

  doubt(): void {
    this.doubts += 1;
    void this.heal();
  }

  private entry(key: string, token: Token, value: string, ttl: number): string {
    return entryOf(token, this.signer.sign(key, value, Date.now() + ttl));
  }

  private async emptyNow(missed: Missed): Promise<boolean> {
    const entries = [...missed];
    const chunks: (typeof entries)[] = [];
    for (let start = 0; start < entries.length; start += CHUNK) chunks.push(entries.slice(start, start + CHUNK));
    return this.attempt(async (redis) => {
      const emptying = chunks.map((chunk) => {
        const keys = chunk.map(([key]) => key);
        const claims = chunk.flatMap(([, own]) => own);
        return redis.eval(SETTLE, keys.length, ...keys, '', 0, CLAIM_TTL, ...claims);
      });
      await Promise.all(emptying);
      return true;
    }, false);
  }

  private isDoubtful(key: string): boolean {
    const { missed, mending, emptying } = this;
    if (this.cleared < this.doubts) return true;
    // Nearly always empty; then the key need not even be hashed.
    const any = missed.size > 0 || mending.size > 0 || emptying.size > 0;
    return any && (missed.has(key) || mending.has(key) || emptying.has(key));
  }

  private miss(entries: Missed): void {
    for (const [key, claims] of entries) this.missed.set(key, [...(this.missed.get(key) ?? []), ...claims]);
    if (this.missed.size > MOST_MISSED) {
      this.doubts += 1;
      this.missed.clear();
    }
    this.healLater();
  }

  /** Until it has succeeded, whatever it is about goes past Redis. */
  private async heal(): Promise<void> {
    if (this.healing) return;
    this.healing = true;
    const { doubts } = this;
    if (this.cleared < doubts) {
      const voided = await this.attempt((redis) => voidCachedUsers(redis).then(() => true), false);
      if (voided) this.cleared = doubts;
    }
    // Set apart: what is missed from here on may be a later change of the same entry.
    const mending = this.missed;
    [this.mending, this.missed] = [mending, new Map()];
    const emptied = mending.size === 0 || (await this.emptyNow(mending));
    this.mending = new Map();
    if (!emptied) this.miss(mending);
    this.healing = false;
    if (this.cleared < this.doubts || this.missed.size > 0) this.healLater();
  }

  private healLater(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      void this.heal();
    }, RETRY).unref();
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
