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
  /** Undoes the count, in the store that counted it. */
  refund: () => Promise<unknown>;
}

const lockOf = (key: string) => `lock:${key}`;

/** Over the limit, the library rejects with the count. */
async function count(store: RateLimiterRedis, key: string): Promise<Count> {
  try {
    return await store.consume(key);
  } catch (result) {
    if (result instanceof RateLimiterRes) return result;
    throw result;
  }
}

/**
 * One limit, counted in Redis for all instances, and in memory while Redis is down. By hand around rate-limiter-flexible, which
 * has no refund that is safe at the end of a window.
 */
export class Limiter {
  private readonly memory: MemoryCounts;
  /** Separate, so that counts do not evict locks. */
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
   * Counts one use of the key, even beyond the limit: the caller refunds what it refuses.
   * @param factor multiplies the limit
   */
  async consume(key: string, factor = 1): Promise<RateLimitResult> {
    const { shared } = this;
    const result = await this.inRedis(() => count(shared!, key));
    if (result) return this.toResult(result, factor, () => this.inRedis(() => shared!.reward(key)));
    return this.toResult(this.memory.increment(key), factor, async () => this.memory.refund(key));
  }

  /**
   * Locks the key for a whole window from now on. Stored apart from the count, because refunds must not undo it, and in memory
   * too, so that it survives an outage of Redis.
   */
  async lock(key: string): Promise<void> {
    this.locks.startWindow(key);
    await this.inRedis(() => this.shared!.block(lockOf(key), this.limit.seconds));
  }

  /** @returns milliseconds until the lock ends, 0 without one */
  async blockedForMs(key: string): Promise<number> {
    const shared = await this.readShared(lockOf(key));
    return Math.max(shared?.msBeforeNext ?? 0, this.locks.get(key).msBeforeNext);
  }

  async counted(key: string): Promise<number> {
    return ((await this.readShared(key)) ?? this.memory.get(key)).consumedPoints;
  }

  private readShared(name: string): Promise<Count | null> {
    return this.inRedis(async () => (await this.shared!.get(name)) ?? NOTHING);
  }

  private toResult(
    { consumedPoints, msBeforeNext }: Count,
    factor: number,
    refund: () => Promise<unknown>,
  ): RateLimitResult {
    const { seconds } = this.limit;
    const points = this.limit.points * factor;
    const resetsIn = msBeforeNext > 0 ? msBeforeNext : seconds * 1000;
    return { allowed: consumedPoints <= points, limit: points, count: consumedPoints, resetsIn, refund };
  }

  /** @returns null if Redis is down or refuses (read-only after a failover, out of memory) */
  private async inRedis<T>(command: () => Promise<T>): Promise<T | null> {
    if (!this.shared) return null;
    try {
      return await this.breaker.run(command);
    } catch {
      return null;
    }
  }
}
