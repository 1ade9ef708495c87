import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that happens by itself; fails where it does not. Times in milliseconds. */
export async function until(condition: () => unknown, limit = 5000): Promise<void> {
  for (const end = performance.now() + limit; !(await condition()); await sleep(5))
    if (performance.now() > end) throw new Error(`did not happen within ${limit} ms: ${condition}`);
}
