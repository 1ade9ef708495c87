/** The least recently used key is evicted. */
const MAX_ENTRIES = 10_000;

/** Named like the result of rate-limiter-flexible. */
export interface Count {
  consumedPoints: number;
  /** Milliseconds until the window ends. */
  msBeforeNext: number;
}

interface Window {
  count: number;
  /** Milliseconds, as of `performance.now()`. */
  ends: number;
}

export const NOTHING: Count = { consumedPoints: 0, msBeforeNext: 0 };

/**
 * Counts a bounded number of keys in memory. A fully refunded key is removed at once: otherwise refunded uses would evict keys
 * that count. rate-limiter-flexible cannot read and remove a count in one step, and would lose a use in between.
 */
export class MemoryCounts {
  private readonly windows = new Map<string, Window>();

  /** @param seconds length of a window */
  constructor(private readonly seconds: number) {}

  get(key: string): Count {
    const window = this.windows.get(key);
    const msBeforeNext = window ? window.ends - performance.now() : 0;
    return msBeforeNext > 0 ? { consumedPoints: window!.count, msBeforeNext } : NOTHING;
  }

  increment(key: string): Count {
    const { consumedPoints, msBeforeNext } = this.get(key);
    return this.set(key, consumedPoints + 1, msBeforeNext || this.seconds * 1000);
  }

  /** Never below zero, like COUNT in Redis. */
  refund(key: string): void {
    if (this.get(key).consumedPoints > 1) this.windows.get(key)!.count -= 1;
    else this.windows.delete(key);
  }

  startWindow(key: string): void {
    this.set(key, 1, this.seconds * 1000);
  }

  private set(key: string, count: number, milliseconds: number): Count {
    this.windows.delete(key);
    this.windows.set(key, { count, ends: performance.now() + milliseconds });
    if (this.windows.size > MAX_ENTRIES) this.windows.delete(this.windows.keys().next().value!);
    return { consumedPoints: count, msBeforeNext: milliseconds };
  }
}
