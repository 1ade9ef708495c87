import { type Client, type ClientConfig, Pool } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { timeoutClient } from './timeout-client.js';
import { postgresClient } from './postgres-client.js';
import { postgresServer } from './postgres-server.js';
import type { Settings } from '../config/settings.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Of a transaction between two statements. */
const MAX_IDLE_IN_TRANSACTION_MS = 10_000;
/** Maximum wait for a free connection; even if the statement then times out, the answer takes less than 8 seconds. */
const MAX_POOL_WAIT_MS = 2000;

/** The direct URL for migrations and commands: that of the tables' owner, if one is configured. */
export function ownerUrl({ ownerUrl: owner, directUrl }: Settings['database']): string | null {
  return owner ?? directUrl;
}

/**
 * Connection options of scripts, migrations and the TypeORM command line, which may raise the timeouts (milliseconds).
 * @param url one that bypasses the pooler
 */
export function databaseOptions(settings: Settings, url = settings.database.directUrl): PostgresOptions {
  const server = postgresServer(settings, url);
  return {
    type: 'postgres',
    url: server.connectionString,
    synchronize: false,
    // PostgreSQL has gen_random_uuid() built in since version 13.
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

/** A single client, not connected yet, that bypasses the pooler. */
export function directClient(settings: Settings, config: ClientConfig): Client {
  const server = postgresServer(settings, settings.database.directUrl);
  return new (postgresClient(server))({ ...config, connectionString: server.connectionString });
}

/** Options of the pool for requests: every wait has a timeout. */
export function poolOptions(settings: Settings): PostgresOptions {
  const options = databaseOptions(settings, settings.database.url);
  return { ...options, connectTimeoutMS: MAX_POOL_WAIT_MS, extra: timeoutOptions(settings) };
}

/** Options of a pool on the read replica, for transactions only. `pooled`, because no setting says whether a pooler is there. */
export function replicaOptions(settings: Settings, poolSize: number, statementMs: number): PostgresOptions {
  const server = postgresServer(settings, settings.database.replicaUrl);
  const Client = timeoutClient(server, { statementMs, idleMs: MAX_IDLE_IN_TRANSACTION_MS, pooled: true });
  const options = databaseOptions(settings, settings.database.replicaUrl);
  return { ...options, poolSize, connectTimeoutMS: 1000, extra: { Client } };
}

/** A small pool with the same timeouts as that for requests. */
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
  // A separate DATABASE_DIRECT_URL means that DATABASE_URL is a pooler, which refuses timeouts as startup parameters.
  const pooled = directUrl !== url;
  const limits = { statement_timeout: statementMs, idle_in_transaction_session_timeout: MAX_IDLE_IN_TRANSACTION_MS };
  const Client = timeoutClient(postgresServer(settings, url), {
    statementMs,
    idleMs: MAX_IDLE_IN_TRANSACTION_MS,
    pooled,
  });
  return { ...(pooled ? {} : limits), Client };
}
