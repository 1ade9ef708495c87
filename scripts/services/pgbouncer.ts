import { chmodSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { runGuarded } from './guard.js';
import { freePorts, install, type Log, onPath, ready } from './tools.js';

export interface Pooler {
  /** The same database by way of the pooler. */
  url: string;
  stop(): Promise<void>;
}

/** Debian puts it where an ordinary user's PATH does not lead. */
const OUT_OF_THE_WAY = '/usr/sbin/pgbouncer';

/** Path of the program, installed where that can be done. Throws the reason when it cannot be had. */
export async function findPgbouncer(log: Log): Promise<string> {
  const find = () => (onPath('pgbouncer') ? 'pgbouncer' : existsSync(OUT_OF_THE_WAY) ? OUT_OF_THE_WAY : undefined);
  if (!find()) await install({ apt: ['pgbouncer'], apk: ['pgbouncer'], dnf: ['pgbouncer'] }, log);
  const program = find();
  if (!program) throw new Error('no pgbouncer on the PATH, not installable');
  return program;
}

/** PgBouncer in transaction mode before a PostgreSQL, with a handful of connections to it. */
export async function startPgbouncer(program: string, target: string): Promise<Pooler> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(target);
  const [port] = await freePorts(0);
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-pgbouncer-'));
  chmodSync(folder, 0o755);
  const file = path.join(folder, 'pgbouncer.ini');
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 8,
    max_client_conn: 200,
    // It refuses to run as root.
    ...(process.getuid?.() === 0 ? { user: 'nobody' } : {}),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const database = `* = host=${hostname} port=${serverPort} user=${username} password=${password}`;
  writeFileSync(file, ['[databases]', database, '[pgbouncer]', ...lines, ''].join('\n'), { mode: 0o644 });
  const server = runGuarded([program, file], { folder });
  const url = `postgres://${username}@127.0.0.1:${port}${pathname}`;
  try {
    await ready(() => probe(url), server);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url, stop: () => server.stop() };
}

async function probe(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2000 });
  await client.connect();
  await client.end();
}
