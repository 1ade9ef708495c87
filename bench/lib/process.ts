import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { freePort } from '../../src/dev/free-port.js';

/** A measured server in its own process. */
export interface Target {
  name: string;
  url: string;
  pid: number;
  stop(): Promise<void>;
}

interface Launch {
  name: string;
  args: string[];
  env: Record<string, string>;
  /** Path that answers 200 once the server is up. */
  ready: string;
}

/** Starts `node ...args` on a free port and waits until it answers. Its log goes to a pipe that is read and discarded. */
export async function launch({ name, args, env, ready }: Launch): Promise<Target & { startedInMs: number }> {
  const port = await freePort();
  const begun = performance.now();
  const child = spawn(process.execPath, args, {
    // A developer's .env may name real servers.
    env: { PATH: process.env.PATH, ENV_FILE: '', ...env, APP_PORT: String(port), PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (last = String(chunk)));
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url + ready).catch(() => null))?.ok) {
    if (child.exitCode !== null) throw new Error(`${name} ended at start: ${last.trim()}`);
    if (performance.now() - begun > 60_000) throw new Error(`${name} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const startedInMs = performance.now() - begun;
  return { name, url, pid: child.pid!, startedInMs, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(timer);
}

/** Ctrl-C also stops the processes of the benchmark. */
export function stopOnSignal(stop: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(1)));
}

const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used, in user and kernel mode (proc(5)); NaN without /proc. */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process in MiB; NaN without /proc. */
export function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  } catch {
    return Number.NaN;
  }
}
