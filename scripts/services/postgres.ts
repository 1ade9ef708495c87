import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/config/embedded-postgres.js';
import { guardProcess } from './guard.js';
import type { Log } from './tools.js';

export interface PostgresService {
  /** A user that may create databases. */
  adminUrl: string;
  stop(): Promise<void>;
}

interface Options {
  given?: string;
  port?: number;
  /** Kept between starts; without it the data lie in a temporary folder, without care for a power cut. */
  dataDir?: string;
  log: Log;
}

/** The given server, else the embedded one. Throws the reason when neither can be had. */
export async function startPostgres({ given, port, dataDir, log }: Options): Promise<PostgresService> {
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
  const flags = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };
  const server = await startEmbeddedPostgres({ dataDir: path.join(folder, 'data'), port, flags, log });
  const guard = guardProcess(server.pid, { folder });
  const stop = async () => {
    await server.stop();
    await guard.stop();
    // Elsewhere than in the folder if the temporary files of root are closed to others.
    rmSync(path.dirname(server.dataDir), { recursive: true, force: true });
  };
  return { adminUrl: server.url, stop };
}

async function checkConnection(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5000 });
  await client.connect();
  await client.end();
}
