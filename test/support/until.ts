import { setTimeout as sleep } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Waits for something that happens by itself and hands it over; fails where it does not. Times in milliseconds. */
export async function until<T>(condition: () => T | Promise<T>, limit = 5000): Promise<Truthy<T>> {
  for (const end = performance.now() + limit; ; await sleep(5)) {
    const found = await condition();
    if (found) return found as Truthy<T>;
    if (performance.now() > end) throw new Error(`did not happen within ${limit} ms: ${condition}`);
  }
}

/** What the work gives; fails where it takes longer than the limit, milliseconds. */
export async function within<T>(limit: number, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  expect(performance.now() - start).toBeLessThan(limit);
  return result;
}
