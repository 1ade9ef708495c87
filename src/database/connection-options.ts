import { type Client, type ClientConfig, Pool } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { timeoutClient } from './timeout-client.js';
import { postgresClient } from './postgres-client.js';
import { postgresServer } from './postgres-server.js';
import type { Settings } from '../config/settings.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Milliseconds that a transaction may rest between two statements. */
const MAX_IDLE_IN_TRANSACTION_MS = 10_000;
/** How long a request waits for a free connection; with a statement that hangs after it, an answer still takes under 8 s. */
const MAX_POOL_WAIT_MS = 2000;

/** For migrations and commands: the owner of the tables where there is one, past a pooler. */
export function ownerUrl({ ownerUrl: owner, directUrl }: Settings['database']): string | null {
  return owner ?? directUrl;
}

/**
 * Connection options shared by scripts, migrations and the TypeORM command line, which may lift the limits where their work
 * takes long. Times in milliseconds.
 * @param url a direct one
 */
export function databaseOptions(settings: Settings, url = settings.database.directUrl): PostgresOptions {
  const server = postgresServer(settings, url);
  return {
    type: 'postgres',
    url: server.connectionString,
    synchronize: false,
    // gen_random_uuid() is part of PostgreSQL since 13; nothing has to be installed for it.
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    migrationsTransactionMode: 'each',
    poolSize: settings.database.poolSize,
    applicationName: 'meetinity-user-service',
    connectTimeoutMS: 3000,
    extra: {
      statement_timeout: settings.database.statementTimeoutMs,
      idle_in_transaction_session_timeout: MAX_IDLE_IN_TRANSACTION_MS,
      Client: postgresClient(server),
    },
  };
}

/** One connection, not made yet, past any pooler. */
export function directClient(settings: Settings, config: ClientConfig): Client {
  const server = postgresServer(settings, settings.database.directUrl);
  return new (postgresClient(server))({ ...config, connectionString: server.connectionString });
}

/** Options of the pool that requests are served from: nothing there waits without an end. */
export function poolOptions(settings: Settings): PostgresOptions {
  const options = databaseOptions(settings, settings.database.url);
  return { ...options, connectTimeoutMS: MAX_POOL_WAIT_MS, extra: timeoutOptions(settings) };
}

/** Options of a pool on the read replica, for transactions only. Whether a pooler stands before it, nobody says. */
export function replicaOptions(settings: Settings, poolSize: number, statementMs: number): PostgresOptions {
  const server = postgresServer(settings, settings.database.replicaUrl);
  const Client = timeoutClient(server, { statementMs, idleMs: MAX_IDLE_IN_TRANSACTION_MS, pooled: true });
  const options = databaseOptions(settings, settings.database.replicaUrl);
  return { ...options, poolSize, connectTimeoutMS: 1000, extra: { Client } };
}

/** A small pool beside that of the requests, bounded in the same way. */
export function createPool(settings: Settings, size: number): Pool {
  return new Pool({
    connectionString: postgresServer(settings, settings.database.url).connectionString,
    application_name: 'meetinity-user-service',
    max: size,
    connectionTimeoutMillis: MAX_POOL_WAIT_MS,
    ...timeoutOptions(settings),
  });
}

function timeoutOptions(settings: Settings) {
  const { url, directUrl, statementTimeoutMs: statementMs } = settings.database;
  // Whoever names a direct way has a pooler on the other one; it refuses limits asked for when connecting.
  const pooled = directUrl !== url;
  const limits = { statement_timeout: statementMs, idle_in_transaction_session_timeout: MAX_IDLE_IN_TRANSACTION_MS };
  const Client = timeoutClient(postgresServer(settings, url), {
    statementMs,
    idleMs: MAX_IDLE_IN_TRANSACTION_MS,
    pooled,
  });
  return { ...(pooled ? {} : limits), Client };
}
