import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Guarded } from './guard.js';

export type Log = (line: string) => void;

export const run = promisify(execFile);

/** Where on the PATH a program is. */
export function pathOf(program: string): string | undefined {
  const files = (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, program));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function onPath(program: string): boolean {
  return pathOf(program) !== undefined;
}

/** Free ports, all different; a wanted one (not 0) is taken if it is free. */
export async function freePorts(...wanted: number[]): Promise<number[]> {
  const probes = await Promise.all(wanted.map((port) => listen(port).catch(() => listen(0))));
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

function listen(port: number) {
  return new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen({ port, host: '127.0.0.1' }, () => resolve(probe));
  });
}

/** Repeats a check until it passes; fails when the server ends or time is up. */
export async function ready(check: () => Promise<unknown>, server?: Guarded, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (server?.exited()) throw new Error(`it ended: ${server.output().split('\n').at(-1)}`, { cause: error });
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

export async function dockerRuns(): Promise<boolean> {
  if (!onPath('docker')) return false;
  return run('docker', ['info'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

interface Packages {
  apt: string[];
  apk: string[];
  dnf: string[];
}

// One installation at a time: the package managers lock each other out.
let installing: Promise<void> = Promise.resolve();

/** Installs system packages where this process is root; says why when it cannot, and does not throw. */
export function install(packages: Packages, log: Log): Promise<void> {
  installing = installing.then(() =>
    installNow(packages, log).catch((error: Error) => {
      log(`installing failed: ${error.message.trim().split('\n').at(-1)}`);
    }),
  );
  return installing;
}

async function installNow(packages: Packages, log: Log): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const step = async (program: string, ...args: string[]) => {
    log(`${program} ${args.join(' ')}`);
    await run(program, args, { env, maxBuffer: 64 * 1024 * 1024 });
  };
  if (onPath('apt-get')) {
    await step('apt-get', 'update');
    await step('apt-get', 'install', '--yes', '--no-install-recommends', ...packages.apt);
  } else if (onPath('apk')) await step('apk', 'add', '--no-cache', ...packages.apk);
  else if (onPath('dnf')) await step('dnf', 'install', '--assumeyes', ...packages.dnf);
}
