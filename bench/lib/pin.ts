import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Redis } from 'ioredis';

/** All processors of the machine in the format of taskset. */
export const EVERY_CORE = `0-${availableParallelism() - 1}`;

/** Pins a process with all its threads to these processors, such as `0` or `0-1` (taskset of util-linux). */
export function pin(pid: number, cores: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)], { stdio: 'ignore' });
}

/** Process id of the local Redis at the URL. */
export async function redisPid(url: string): Promise<number> {
  const client = new Redis(url);
  try {
    return Number(/process_id:(\d+)/.exec(await client.info('server'))![1]);
  } finally {
    client.disconnect();
  }
}
