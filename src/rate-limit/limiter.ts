import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { CircuitBreaker } from '../redis/circuit-breaker.js';
import { type Count, MemoryCounts, NOTHING } from './memory-counts.js';
import { COUNT } from './count-script.js';

export interface Limit {
  /** Allowed per window. */
  points: number;
  /** Length of the window. */
  seconds: number;
}

export interface RateLimitResult {
  allowed: boolean;
  limit: number;
  /** Counted so far in this window, this one included. */
  count: number;
  /** Milliseconds until the window ends. */
  resetsIn: number;
  /** Takes this one back, where it was counted. */
  refund: () => Promise<unknown>;
}

const lockOf = (key: string) => `lock:${key}`;

/** The library rejects with the count where it is over the limit; that is an answer, not an error. */
async function count(store: RateLimiterRedis, key: string): Promise<Count> {
  try {
    return await store.consume(key);
  } catch (result) {
    if (result instanceof RateLimiterRes) return result;
    throw result;
  }
}

/** One limit, counted for all instances in Redis, and in this process's memory while Redis does not answer. */
export class Limiter {
  private readonly memory: MemoryCounts;
  /** Apart from the counts, which must not push them out. */
  private readonly locks: MemoryCounts;
  private readonly shared: RateLimiterRedis | null;

  constructor(
    name: string,
    readonly limit: Limit,
    private readonly breaker: CircuitBreaker,
  ) {
    const options = { keyPrefix: `limit:${name}`, points: limit.points, duration: limit.seconds };
    this.memory = new MemoryCounts(limit.seconds);
    this.locks = new MemoryCounts(limit.seconds);
    this.shared = breaker.redis
      ? new RateLimiterRedis({ ...options, storeClient: breaker.redis, customIncrTtlLuaScript: COUNT })
      : null;
  }

  /**
   * Counts one use of the key, also beyond the limit: the caller gives back what it refuses.
   * @param factor how many times the configured number this key may reach
   */
  async consume(key: string, factor = 1): Promise<RateLimitResult> {
    const { shared } = this;
    const result = await this.inRedis(() => count(shared!, key));
    if (result) return this.toResult(result, factor, () => this.inRedis(() => shared!.reward(key)));
    return this.toResult(this.memory.increment(key), factor, async () => this.memory.refund(key));
  }

  /**
   * Locks the key for a whole window from now on. A lock is not a count: it stands under a name of its own, because what
   * is given back meanwhile must not undo it. It stands in memory too, to outlast a Redis that goes or comes back.
   */
  async lock(key: string): Promise<void> {
    this.locks.startWindow(key);
    await this.inRedis(() => this.shared!.block(lockOf(key), this.limit.seconds));
  }

  /** @returns milliseconds until the lock ends, 0 without one */
  async blockedForMs(key: string): Promise<number> {
    const shared = await this.look(lockOf(key));
    return Math.max(shared?.msBeforeNext ?? 0, this.locks.get(key).msBeforeNext);
  }

  /** What is counted of the key now. */
  async counted(key: string): Promise<number> {
    return ((await this.look(key)) ?? this.memory.get(key)).consumedPoints;
  }

  private look(name: string): Promise<Count | null> {
    return this.inRedis(async () => (await this.shared!.get(name)) ?? NOTHING);
  }

  private toResult(
    { consumedPoints, msBeforeNext }: Count,
    factor: number,
    giveBack: () => Promise<unknown>,
  ): RateLimitResult {
    const { seconds } = this.limit;
    const points = this.limit.points * factor;
    const resetsIn = msBeforeNext > 0 ? msBeforeNext : seconds * 1000;
    return { allowed: consumedPoints <= points, limit: points, count: consumedPoints, resetsIn, refund: giveBack };
  }

  /** @returns null where Redis is away, or refuses (read-only after a fail-over, out of memory) */
  private async inRedis<T>(command: () => Promise<T>): Promise<T | null> {
    if (!this.shared) return null;
    try {
      return await this.breaker.run(command);
    } catch {
      return null;
    }
  }
}
