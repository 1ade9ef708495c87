/** Keys that are counted at once; the one not seen for longest makes room. */
const MAX_ENTRIES = 10_000;

/** What is counted of one key, in the words of the library that counts in Redis. */
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
 * Counts in memory for as many keys as fit: a flood of new keys must not fill the process. A key of which nothing is counted any
 * more leaves at once, or tries that cost nothing would push out those that count. The library's own counts in memory cannot be
 * looked at and removed in one step, and a try in between would be lost.
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
    return this.keep(key, consumedPoints + 1, msBeforeNext || this.seconds * 1000);
  }

  /** Like COUNT in Redis: never below zero. */
  refund(key: string): void {
    if (this.get(key).consumedPoints > 1) this.windows.get(key)!.count -= 1;
    else this.windows.delete(key);
  }

  /** Begins a whole window, whatever is counted. */
  startWindow(key: string): void {
    this.keep(key, 1, this.seconds * 1000);
  }

  private keep(key: string, count: number, milliseconds: number): Count {
    this.windows.delete(key);
    this.windows.set(key, { count, ends: performance.now() + milliseconds });
    if (this.windows.size > MAX_ENTRIES) this.windows.delete(this.windows.keys().next().value!);
    return { consumedPoints: count, msBeforeNext: milliseconds };
  }
}
