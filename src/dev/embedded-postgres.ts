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
  /** Created at the first start. */
  dataDir: string;
  /** By default a free port, which the next start reuses. */
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
  /** The real path of the data. */
  dataDir: string;
  /** The server was running already: left by a killed process, or shared with another one. */
  adopted: boolean;
  /** Disconnects; the last user stops the server. */
  stop(): Promise<void>;
}

interface Server {
  pid: number;
  port: number;
  exited(): boolean;
  /** Why a server that was started here has exited. */
  reason?(): string | undefined;
}

const DATABASE = 'meetinity';
const START_TIMEOUT_MS = 60_000;
/** The next start truncates a longer log. */
const MAX_LOG_BYTES = 1024 * 1024;

/** Starts or joins the PostgreSQL of `dataDir`. @throws Error with a one-line message */
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
    // A lost race for the port, or with another start or stop of this server, is worth a retry.
    const reason = server.reason?.();
    const isTransient = !reason || /lock file|TCP\/IP socket|bind|shared memory block/i.test(reason);
    if (!isTransient || Date.now() > deadline)
      throw new Error(`embedded PostgreSQL does not start (${reason ?? 'timeout'}): set DATABASE_URL`);
    await sleep(100);
  }
}

/** The server in postmaster.pid, if that process really serves this folder. */
function runningServer({ dataDir }: EmbeddedPaths): Server | undefined {
  const file = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!pid || !port || !isAlive(pid)) return undefined;
  if (!commandLine(pid).includes(dataDir)) {
    // After a reboot the id may belong to another program, and PostgreSQL would refuse to start.
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
  // Appended: the log may hold the reason why a concurrent start fails.
  const output = openSync(log, tooLarge(log) ? 'w' : 'a', 0o600);
  const { size: begin } = fstatSync(output);
  // Detached: Ctrl-C in the terminal must not stop the database before the service.
  const child: ChildProcess = spawn(path.join(home.bin, 'postgres'), args, {
    ...home.account,
    cwd: '/',
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let exited = false;
  child.once('exit', () => (exited = true));
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  return { pid: child.pid!, port, exited: () => exited, reason: () => lastMessage(log, begin, child.pid!) };
}

/** Connects and acquires the shared lock; undefined if the server has exited or is being stopped. */
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
      // The server is still starting: it answers 57P03, or refuses the connection.
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
  // Every user holds the lock shared, so only the last one gets it exclusively, and new users wait for the stop.
  const last = await client.query('SELECT pg_try_advisory_lock($1) AS alone', [EMBEDDED_SERVER_LOCK_KEY]).then(
    ({ rows }) => rows[0].alone as boolean,
    // Another user is stopping the server.
    () => false,
  );
  if (last) await runTool(home, 'pg_ctl', ['stop', '--pgdata', home.dataDir, '--mode=fast', '--wait', '--silent']);
  await client.end().catch(() => undefined);
}

async function createDatabase(session: Client): Promise<void> {
  const { rowCount } = await session.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount) return;
  // 42P04, 23505: a concurrent start created it.
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

/** The fatal or last message of this process; concurrent starts share the log. */
function lastMessage(log: string, begin: number, pid: number): string | undefined {
  const lines = readFileSync(log).subarray(begin).toString().trim().split('\n');
  // Lines of the program loader do not name the process.
  const own = lines.filter((line) => (/ \[(\d+)\] /.exec(line)?.[1] ?? `${pid}`) === `${pid}`);
  return own.find((line) => line.includes('FATAL')) ?? own.at(-1);
}
