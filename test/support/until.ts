import { setTimeout as sleep } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Polls until the result is truthy and returns it; throws after the timeout. Times in milliseconds. The longer it has waited, the
 * less often it asks, which leaves the processors to what it waits for.
 */
export async function until<T>(condition: () => T | Promise<T>, limit = 10_000): Promise<Truthy<T>> {
  for (const begun = performance.now(); ;) {
    const found = await condition();
    if (found) return found as Truthy<T>;
    const waited = performance.now() - begun;
    if (waited > limit) throw new Error(`did not happen within ${limit} ms: ${condition}`);
    await sleep(Math.min(5 + waited / 10, 50));
  }
}

/** The result of the work; throws if it takes longer than the limit in milliseconds. */
export async function within<T>(limit: number, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  expect(performance.now() - start).toBeLessThan(limit);
  return result;
}

/** The minimum of up to five measurements in milliseconds: a busy machine slows some of them, a slow service all. */
export async function quickest(limit: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity;
  for (let tries = 0; tries < 5 && least >= limit; tries += 1) least = Math.min(least, await measure());
  return least;
}
