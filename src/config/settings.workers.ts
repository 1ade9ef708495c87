import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { EnvReader } from './env-reader.js';

/** Memory that one process needs under load. */
const WORKER_BYTES = 256 * 1024 * 1024;

/** How many processes serve the API, and why so many. */
export function readWorkers(env: EnvReader): { count: number; reason: string } {
  const hasRedis = env.text('REDIS_URL') !== undefined;
  if (env.text('WORKERS')?.toLowerCase() === 'auto')
    return hasRedis ? autoWorkers(processors(), memoryBytes()) : { count: 1, reason: 'REDIS_URL is not set' };
  const count = env.number('WORKERS', 1, 1, 64);
  if (count > 1 && !hasRedis) env.fault('WORKERS above 1 needs REDIS_URL, which the processes share');
  return { count, reason: 'WORKERS' };
}

export function autoWorkers(cpus: number, bytes: number): { count: number; reason: string } {
  const count = Math.max(1, Math.floor(Math.min(cpus, bytes / WORKER_BYTES)));
  return { count, reason: `${cpus} processors and ${Math.floor(bytes / 1024 / 1024)} MiB of memory` };
}

/** The limit of the container (cgroup v2, then v1), else the processors of the machine. */
function processors(): number {
  const [quota, period] = readCgroup('cpu.max') ?? [
    ...(readCgroup('cpu/cpu.cfs_quota_us') ?? []),
    ...(readCgroup('cpu/cpu.cfs_period_us') ?? []),
  ];
  const limit = Number(quota) / Number(period);
  return Math.min(limit > 0 ? limit : Infinity, availableParallelism());
}

function readCgroup(file: string): string[] | null {
  try {
    return readFileSync(`/sys/fs/cgroup/${file}`, 'utf8').trim().split(' ');
  } catch {
    return null;
  }
}

function memoryBytes(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem());
}
