import { RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { CircuitBreaker } from './circuit-breaker.js';
import { COUNT } from './redis-scripts.js';

/** Keys that are counted in memory at once; the one not seen for longest makes room. */
const MEMORY_KEYS = 10_000;

export interface Limit {
  /** Allowed per window. */
  points: number;
  /** Length of the window. */
  seconds: number;
}

export interface Taken {
  allowed: boolean;
  limit: number;
  /** Counted so far in this window, this one included. */
  count: number;
  /** Milliseconds until the window ends. */
  resetsIn: number;
  /** Takes this one back, where it was counted. */
  giveBack: () => Promise<unknown>;
}

const lockOf = (key: string) => `lock:${key}`;
const NOTHING = new RateLimiterRes(0, 0, 0);

/** Counts in memory for as many keys as fit: a flood of new keys must not fill the process. */
class BoundedMemory extends RateLimiterMemory {
  private readonly recent = new Set<string | number>();

  override consume(key: string | number): Promise<RateLimiterRes> {
    this.recent.delete(key);
    this.recent.add(key);
    if (this.recent.size > MEMORY_KEYS) {
      const [oldest] = this.recent;
      this.recent.delete(oldest!);
      void this.delete(oldest!);
    }
    return super.consume(key);
  }

  /** Like COUNT in Redis: never below zero. */
  override async reward(key: string | number): Promise<RateLimiterRes> {
    if (!this.recent.has(key)) return NOTHING;
    const result = await super.reward(key);
    // Both steps only add, so whoever counts in between is not lost.
    return result.consumedPoints < 0 ? this.penalty(key) : result;
  }
}

/** The library rejects with the count where it is over the limit; that is an answer, not an error. */
async function count(store: RateLimiterAbstract, key: string): Promise<RateLimiterRes> {
  try {
    return await store.consume(key);
  } catch (result) {
    if (result instanceof RateLimiterRes) return result;
    throw result;
  }
}

/** One limit, counted for all instances in Redis, and in this process's memory while Redis does not answer. */
export class Limiter {
  private readonly memory: BoundedMemory;
  private readonly shared: RateLimiterRedis | null;

  constructor(
    name: string,
    readonly limit: Limit,
    private readonly breaker: CircuitBreaker,
  ) {
    const options = { keyPrefix: `limit:${name}`, points: limit.points, duration: limit.seconds };
    this.memory = new BoundedMemory(options);
    this.shared = breaker.redis
      ? new RateLimiterRedis({ ...options, storeClient: breaker.redis, customIncrTtlLuaScript: COUNT })
      : null;
  }

  /** Counts one use of the key, also beyond the limit: the caller gives back what it refuses. */
  async take(key: string): Promise<Taken> {
    const { shared } = this;
    const result = await this.ask(() => count(shared!, key));
    if (result) return this.taken(result, () => this.ask(() => shared!.reward(key)));
    return this.taken(await count(this.memory, key), () => this.memory.reward(key));
  }

  /**
   * Locks the key for a whole window from now on. A lock is not a count: it stands under a name of its own, because what
   * is given back meanwhile must not undo it.
   */
  async lock(key: string): Promise<void> {
    const { seconds } = this.limit;
    const done = await this.ask(() => this.shared!.block(lockOf(key), seconds));
    if (!done) await this.memory.block(lockOf(key), seconds);
  }

  /** @returns milliseconds until the lock ends, 0 without one */
  async lockedFor(key: string): Promise<number> {
    return (await this.look(lockOf(key))).msBeforeNext;
  }

  /** What is counted of the key now. */
  async counted(key: string): Promise<number> {
    return (await this.look(key)).consumedPoints;
  }

  private async look(name: string): Promise<RateLimiterRes> {
    const shared = await this.ask(async () => (await this.shared!.get(name)) ?? NOTHING);
    return shared ?? (await this.memory.get(name)) ?? NOTHING;
  }

  private taken({ consumedPoints, msBeforeNext }: RateLimiterRes, giveBack: () => Promise<unknown>): Taken {
    const { points, seconds } = this.limit;
    const resetsIn = msBeforeNext > 0 ? msBeforeNext : seconds * 1000;
    return { allowed: consumedPoints <= points, limit: points, count: consumedPoints, resetsIn, giveBack };
  }

  /** @returns null where Redis is away, or refuses (read-only after a fail-over, out of memory) */
  private async ask<T>(command: () => Promise<T>): Promise<T | null> {
    if (!this.shared) return null;
    try {
      return await this.breaker.run(command);
    } catch {
      return null;
    }
  }
}
