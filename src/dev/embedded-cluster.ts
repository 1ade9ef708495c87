import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { EmbeddedPaths } from './embedded-paths.js';
import { childEnvironment } from '../config/process-environment.js';

export const SUPERUSER = 'meetinity';
const SECRETS_FILE = 'embedded.json';

/** Runs initdb in a staging folder and renames it, so that a kill leaves no incomplete cluster. */
export async function createCluster(home: EmbeddedPaths, durable: boolean): Promise<void> {
  removeAbandonedStaging(home.dataDir);
  const staging = mkdtempSync(`${home.dataDir}.new-${process.pid}-`);
  const cluster = path.join(staging, 'cluster');
  const passwordFile = path.join(staging, 'password');
  const password = randomBytes(18).toString('base64url');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  for (const file of [staging, passwordFile]) chownRecursively(file, home);
  // Only Linux has C.UTF-8; elsewhere, case mapping still needs a UTF-8 character type.
  const locale = process.platform === 'linux' ? ['--locale=C.UTF-8'] : ['--locale=C', '--lc-ctype=en_US.UTF-8'];
  const access = ['--username', SUPERUSER, '--auth=scram-sha-256', '--pwfile', passwordFile];
  try {
    const args = ['--pgdata', cluster, '--encoding=UTF8', ...locale, ...access];
    await runTool(home, 'initdb', durable ? args : [...args, '--no-sync']);
    writeSecrets(cluster, { password });
    // Of two concurrent first starts, the slower one uses the other's cluster.
    if (!existsSync(path.join(home.dataDir, 'PG_VERSION'))) renameSync(cluster, home.dataDir);
  } catch (error) {
    if (!existsSync(path.join(home.dataDir, 'PG_VERSION'))) throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The superuser's password and the port of the last start, kept inside the data folder. */
export function readSecrets(dataDir: string): { password: string; port?: number } {
  return JSON.parse(readFileSync(path.join(dataDir, SECRETS_FILE), 'utf8')) as { password: string; port?: number };
}

export function writeSecrets(dataDir: string, secrets: { password: string; port?: number }): void {
  const file = path.join(dataDir, SECRETS_FILE);
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(secrets), { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

/** Runs initdb or pg_ctl as the server's account. @throws Error with the tool's last line */
export async function runTool(home: EmbeddedPaths, tool: 'initdb' | 'pg_ctl', args: string[]): Promise<void> {
  // The account may have no access to the working folder, which the tools return to.
  const options = { ...home.account, cwd: '/', env: childEnvironment({ LC_ALL: 'C' }) };
  await promisify(execFile)(path.join(home.bin, tool), args, options).catch((error: Error & { stderr?: string }) => {
    throw new Error(
      `embedded PostgreSQL: ${tool} failed (${lastLine(error.stderr) ?? error.message}): set DATABASE_URL`,
    );
  });
}

function lastLine(text = ''): string | undefined {
  return text.trim().split('\n').at(-1) || undefined;
}

function chownRecursively(file: string, { account }: EmbeddedPaths): void {
  if (account.uid !== undefined && account.gid !== undefined) chownSync(file, account.uid, account.gid);
}

function removeAbandonedStaging(dataDir: string): void {
  const prefix = `${path.basename(dataDir)}.new-`;
  for (const name of readdirSync(path.dirname(dataDir))) {
    if (!name.startsWith(prefix) || isAlive(Number.parseInt(name.slice(prefix.length), 10))) continue;
    rmSync(path.join(path.dirname(dataDir), name), { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
