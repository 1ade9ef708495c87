import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { guardFolder, guardProcess } from './guard.js';
import type { Crashable } from './restartable.js';
import type { Log } from './tools.js';

export interface PostgresService {
  /** A user that may create databases. */
  adminUrl: string;
  /** Only of a server of our own in a temporary folder. */
  crash?: Crashable;
  stop(): Promise<void>;
}

interface Options {
  given?: string;
  port?: number;
  /** Kept between starts; without it the data lie in a temporary folder. */
  dataDir?: string;
  /** Writes the temporary folder with the care for a power cut that production takes. */
  durable?: boolean;
  log: Log;
}

const CARELESS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/** The given server, else the embedded one. Throws the reason when neither can be had. */
export async function startPostgres({ given, port, dataDir, durable, log }: Options): Promise<PostgresService> {
  if (given) {
    await checkConnection(given);
    return { adminUrl: given, stop: async () => undefined };
  }
  if (dataDir) {
    const kept = await startEmbeddedPostgres({ dataDir, port, log });
    return { adminUrl: kept.url, stop: kept.stop };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-postgres-'));
  // As root the server runs under another account, which must pass through.
  chmodSync(folder, 0o755);
  const flags = { max_connections: '200', ...(durable ? {} : CARELESS) };
  const start = (wanted?: number) =>
    startEmbeddedPostgres({ dataDir: path.join(folder, 'data'), port: wanted, flags, log });
  let server = await start(port);
  const folderGuard = guardFolder(folder);
  let guard = guardProcess(server.pid, {});
  const crash = {
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await guard.stop();
    },
    start: async () => {
      server = await start(server.port);
      guard = guardProcess(server.pid, {});
    },
  };
  const stop = async () => {
    await server.stop();
    await guard.stop();
    await folderGuard.stop();
    // Elsewhere than in the folder if the temporary files of root are closed to others.
    rmSync(path.dirname(server.dataDir), { recursive: true, force: true });
  };
  return { adminUrl: server.url, crash, stop };
}

async function checkConnection(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5000 });
  await client.connect();
  await client.end();
}
