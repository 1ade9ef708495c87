import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { compiled, describeUnless } from '../support/environment.js';

const script = compiled('test/support/embedded-owner.js');
const UNPRIVILEGED_UID = 65_534;
const asRoot = process.getuid?.() === 0;
const readable =
  spawnSync(
    'test',
    ['-r', compiled('node_modules/pg')],
    asRoot ? { uid: UNPRIVILEGED_UID, gid: UNPRIVILEGED_UID, cwd: '/' } : {},
  ).status === 0;

type Owned = Omit<EmbeddedPostgres, 'stop'> & { lines: string[] };

let folder: string;
let dataDir: string;
const owners: ChildProcess[] = [];

/** Starts a process that owns the server and stops it at the end of its input. */
async function own(user: { uid?: number; gid?: number } = {}): Promise<{ owner: ChildProcess; server: Owned }> {
  const owner = spawn(process.execPath, [script, dataDir], {
    ...user,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  owners.push(owner);
  const [line] = (await once(createInterface({ input: owner.stdout! }), 'line')) as [string];
  return { owner, server: JSON.parse(line) as Owned };
}

async function end(owner: ChildProcess): Promise<void> {
  const exit = once(owner, 'exit');
  owner.stdin!.end();
  await exit;
}

async function query(connectionString: string, text: string) {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const start = () => startEmbeddedPostgres({ dataDir, flags: { fsync: 'off' } });
const answers = (url: string) =>
  query(url, 'SELECT 1').then(
    () => true,
    () => false,
  );

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'meetinity-embedded-'));
  spawnSync('chmod', ['755', folder]);
  dataDir = path.join(folder, 'postgres');
});

afterEach(async () => {
  for (const owner of owners.splice(0)) if (owner.exitCode === null && !owner.signalCode) await end(owner);
  rmSync(folder, { recursive: true, force: true });
});

it('keeps data and port between starts, and removes the remains of a killed start', async () => {
  // 4 194 305 is above the highest process id of Linux.
  const abandoned = `${dataDir}.new-4194305-x`;
  mkdirSync(path.join(abandoned, 'cluster', 'base'), { recursive: true });
  const first = await start();
  expect(existsSync(abandoned)).toBe(false);
  await query(first.url, 'CREATE TABLE note AS SELECT 7 AS value');
  await first.stop();
  expect(await answers(first.url)).toBe(false);

  const second = await start();
  try {
    expect(second).toMatchObject({ url: first.url, adopted: false });
    expect(await query(second.url, 'SELECT value FROM note')).toEqual([{ value: 7 }]);
    expect(await query(second.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    expect((await query(second.url, 'SHOW server_version'))[0].server_version).toMatch(/^15\./);
  } finally {
    await second.stop();
  }
});

it('adopts the server of a killed process, and stops it at the end', async () => {
  const { owner, server } = await own();
  await query(server.url, 'CREATE TABLE note AS SELECT 7 AS value');
  owner.kill('SIGKILL');
  await once(owner, 'exit');

  const next = await start();
  expect(next).toMatchObject({ url: server.url, pid: server.pid, adopted: true });
  expect(await query(next.url, 'SELECT value FROM note')).toEqual([{ value: 7 }]);
  await next.stop();
  expect(await answers(next.url)).toBe(false);
});

it('starts again after the server itself was killed, although another program has its process id', async () => {
  const { owner, server } = await own();
  await query(server.url, 'CREATE TABLE note AS SELECT 7 AS value');
  const lockFile = path.join(dataDir, 'postmaster.pid');
  cpSync(lockFile, `${folder}/lock`);
  process.kill(server.pid, 'SIGKILL');
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  const { uid, gid } = statSync(dataDir);
  spawnSync('sed', ['-i', `1s/.*/${process.pid}/`, `${folder}/lock`]);
  cpSync(`${folder}/lock`, lockFile);
  chownSync(lockFile, uid, gid);

  const next = await start();
  expect(await query(next.url, 'SELECT value FROM note')).toEqual([{ value: 7 }]);
  await next.stop();
});

it('appends to the log of earlier starts', async () => {
  await (await start()).stop();
  const log = path.join(dataDir, 'server.log');
  const first = readFileSync(log, 'utf8');
  const next = await start();
  expect(readFileSync(log, 'utf8').startsWith(first)).toBe(true);
  await next.stop();
});

it('reports the reason PostgreSQL gives for a failed start', async () => {
  await (await start()).stop();
  appendFileSync(path.join(dataDir, 'server.log'), '2026-01-01 00:00:00.000 UTC [1] FATAL:  of another start\n');
  const broken = startEmbeddedPostgres({ dataDir, flags: { shared_buffers: 'none' } });
  await expect(broken).rejects.toThrow(/does not start .*shared_buffers.*: set DATABASE_URL/);
});

it('is shared by concurrent processes, and stopped by the last of them', async () => {
  const [one, two, { owner, server }] = await Promise.all([start(), start(), own()]);
  expect(new Set([one.pid, two.pid, server.pid]).size).toBe(1);
  await one.stop();
  expect(await answers(two.url)).toBe(true);
  await Promise.all([two.stop(), end(owner)]);
  expect(await answers(two.url)).toBe(false);
});

const obstacle = !asRoot ? 'this is one' : readable ? null : 'the folder is closed to it';

describeUnless(obstacle, 'for an ordinary user', () => {
  it('runs under its own account', async () => {
    chownSync(folder, UNPRIVILEGED_UID, UNPRIVILEGED_UID);
    const { owner, server } = await own({ uid: UNPRIVILEGED_UID, gid: UNPRIVILEGED_UID });
    expect(await answers(server.url)).toBe(true);
    expect(statSync(dataDir).uid).toBe(UNPRIVILEGED_UID);
    await end(owner);
    expect(await answers(server.url)).toBe(false);
  });
});
