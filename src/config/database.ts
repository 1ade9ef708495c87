import type { DataSourceOptions } from 'typeorm';
import type { Settings } from './settings.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Connection options shared by the service, its scripts and the TypeORM command line. Times in milliseconds. */
export function databaseOptions(settings: Settings, url = settings.database.url): PostgresOptions {
  if (!url) throw new Error('no database address: DATABASE_URL is not set and no embedded server was started');
  return {
    type: 'postgres',
    url,
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
      idle_in_transaction_session_timeout: 10_000,
      keepAlive: true,
    },
  };
}
