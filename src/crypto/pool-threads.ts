import { readlink } from 'node:fs/promises';
import { setPriority } from 'node:os';

/** Niceness (setpriority(2)) of the threads that hash: where processors are short, the thread that answers goes first. */
const NICENESS = 10;

/** Rounds in which each thread of the pool should have shown itself. */
const ROUNDS = 20;

/**
 * Has Node's pool of threads yield to the one of the event loop. Linux only, where a thread has a priority of its own; there
 * each tells its id to whoever reads `/proc/thread-self` on it (proc(5)).
 * @param size threads of the pool
 * @returns how many yield now
 */
export async function yieldToEventLoop(size: number): Promise<number> {
  const ids = new Set<number>();
  for (let round = 0; round < ROUNDS && ids.size < size; round += 1) {
    const reads = Array.from({ length: 4 * size }, () => readlink('/proc/thread-self').catch(() => null));
    for (const link of await Promise.all(reads)) if (link) ids.add(Number(link.slice(link.lastIndexOf('/') + 1)));
    if (ids.size === 0) return 0;
  }
  for (const id of ids) setPriority(id, NICENESS);
  return ids.size;
}
