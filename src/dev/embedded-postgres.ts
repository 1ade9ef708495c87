import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { EMBEDDED_SERVER_LOCK_KEY } from '../database/advisory-locks.js';
import { createCluster, isAlive, readSecrets, runTool, SUPERUSER, writeSecrets } from './embedded-cluster.js';
import { type EmbeddedPaths, preparePaths } from './embedded-paths.js';
import { freePort } from './free-port.js';

export interface EmbeddedPostgresOptions {
  /** Created at the first start; later starts find the data there. */
  dataDir: string;
  /** Wanted port; without it a free one is chosen and kept for the next start. */
  port?: number;
  /** Server parameters, e.g. `{ fsync: 'off' }`; a server that already runs keeps its own. */
  flags?: Record<string, string>;
  log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  url: string;
  port: number;
  /** Process id of the server. */
  pid: number;
  /** Where the data really is. */
  dataDir: string;
  /** The server ran already: left behind by a killed process, or shared with one that still runs. */
  adopted: boolean;
  /** Leaves the server; the last of its users stops it. */
  stop(): Promise<void>;
}

interface Server {
  pid: number;
  port: number;
  exited(): boolean;
  /** Of one that was started here and ended: why. */
  reason?(): string | undefined;
}

const DATABASE = 'meetinity';
const START_TIMEOUT_MS = 60_000;
/** Bytes after which the next start begins the log anew. */
const MAX_LOG_BYTES = 1024 * 1024;

/** Starts, or joins, the PostgreSQL of `dataDir`. Throws one line that says what is wrong. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const home = preparePaths(options.dataDir, log);
  const durable = options.flags?.fsync !== 'off';
  if (!existsSync(path.join(home.dataDir, 'PG_VERSION'))) await createCluster(home, durable);
  const secrets = readSecrets(home.dataDir);
  const connect = (port: number) => connectTo(port, secrets.password);
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (let port = options.port ?? secrets.port; ; port = undefined) {
    const running = runningServer(home);
    const server = running ?? (await launch(home, port, options.flags));
    const session = await join(server, connect, deadline);
    if (session) {
      if (running) log(`PostgreSQL is already running (process ${server.pid}): using it`);
      if (!options.port && server.port !== secrets.port) writeSecrets(home.dataDir, { ...secrets, port: server.port });
      await createDatabase(session);
      const url = `postgres://${SUPERUSER}:${secrets.password}@127.0.0.1:${server.port}/${DATABASE}`;
      let stopped: Promise<void> | undefined;
      const stop = () => (stopped ??= leave(home, server, session, connect));
      return { url, port: server.port, pid: server.pid, dataDir: home.dataDir, adopted: running !== undefined, stop };
    }
    // Lost a race: for the port, or against another start or stop of the same server. Anything else is final.
    const reason = server.reason?.();
    const passing = !reason || /lock file|TCP\/IP socket|bind|shared memory block/i.test(reason);
    if (!passing || Date.now() > deadline)
      throw new Error(`embedded PostgreSQL does not start (${reason ?? 'timeout'}): set DATABASE_URL`);
    await sleep(100);
  }
}

/** The server named by postmaster.pid, if that process really is one of this folder. */
function runningServer({ dataDir }: EmbeddedPaths): Server | undefined {
  const file = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!pid || !port || !isAlive(pid)) return undefined;
  if (!commandLine(pid).includes(dataDir)) {
    // After a reboot the number may belong to another program; PostgreSQL itself would refuse to start.
    rmSync(file, { force: true });
    return undefined;
  }
  return { pid, port, exited: () => !existsSync(file) || !isAlive(pid) };
}

function commandLine(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file)
    ? readFileSync(file, 'utf8')
    : spawnSync('ps', ['-ww', '-o', 'args=', '-p', `${pid}`]).stdout.toString();
}

async function launch(home: EmbeddedPaths, wanted?: number, flags: Record<string, string> = {}): Promise<Server> {
  const port = await freePort(undefined, wanted).catch(() => freePort());
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', timezone: 'UTC', ...flags };
  const args = ['-D', home.dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const log = logFile(home);
  // Not cut off: it may hold why another start of this moment fails.
  const output = openSync(log, tooLarge(log) ? 'w' : 'a', 0o600);
  const { size: begin } = fstatSync(output);
  // Its own process group: Ctrl-C in the terminal must not stop the database before the service.
  const child: ChildProcess = spawn(path.join(home.bin, 'postgres'), args, {
    ...home.account,
    cwd: '/',
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let gone = false;
  child.once('exit', () => (gone = true));
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  return { pid: child.pid!, port, exited: () => gone, reason: () => lastWords(log, begin, child.pid!) };
}

/** Connects and takes a share of the server; nothing if it ended meanwhile or is being stopped. */
async function join(server: Server, connect: (port: number) => Promise<Client>, deadline: number) {
  while (!server.exited() && Date.now() < deadline) {
    try {
      const client = await connect(server.port);
      const { rows } = await client.query('SELECT pg_try_advisory_lock_shared($1) AS joined', [
        EMBEDDED_SERVER_LOCK_KEY,
      ]);
      if (rows[0].joined) return client;
      await client.end();
    } catch (error) {
      // 57P03: still starting up. Without a code of PostgreSQL's own there was no connection yet.
      if (error instanceof DatabaseError && !error.code?.startsWith('57P')) throw error;
    }
    await sleep(20);
  }
  return undefined;
}

async function leave(home: EmbeddedPaths, server: Server, session: Client, connect: (port: number) => Promise<Client>) {
  await session.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
  await session.end().catch(() => undefined);
  const client = await connect(server.port).catch(() => undefined);
  if (!client) return;
  // Every user holds the lock shared, so only the last one gets it alone; a new user meanwhile waits for the end.
  const last = await client.query('SELECT pg_try_advisory_lock($1) AS alone', [EMBEDDED_SERVER_LOCK_KEY]).then(
    ({ rows }) => rows[0].alone as boolean,
    // Another user is stopping it in this moment.
    () => false,
  );
  if (last) await runTool(home, 'pg_ctl', ['stop', '--pgdata', home.dataDir, '--mode=fast', '--wait', '--silent']);
  await client.end().catch(() => undefined);
}

async function createDatabase(session: Client): Promise<void> {
  const { rowCount } = await session.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount) return;
  // 42P04, 23505: another start created it in this moment.
  await session.query(`CREATE DATABASE ${DATABASE}`).catch((error: DatabaseError) => {
    if (!['42P04', '23505'].includes(error.code ?? '')) throw error;
  });
}

async function connectTo(port: number, password: string): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 2000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

function logFile({ dataDir }: EmbeddedPaths): string {
  return path.join(dataDir, 'server.log');
}

function tooLarge(log: string): boolean {
  return existsSync(log) && statSync(log).size > MAX_LOG_BYTES;
}

/** What the server of this process id said last, or why it gave up; the log is shared with others that start at once. */
function lastWords(log: string, begin: number, pid: number): string | undefined {
  const lines = readFileSync(log).subarray(begin).toString().trim().split('\n');
  // Most lines name the process, those of the program loader do not.
  const own = lines.filter((line) => (/ \[(\d+)\] /.exec(line)?.[1] ?? `${pid}`) === `${pid}`);
  return own.find((line) => line.includes('FATAL')) ?? own.at(-1);
}
