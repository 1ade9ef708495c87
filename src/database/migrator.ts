import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, MigrationExecutor, QueryFailedError } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { sqlState } from '../common/database-errors.js';
import { MIGRATION_LOCK_KEY } from './advisory-locks.js';
import { databaseOptions, ownerUrl } from './connection-options.js';
import { refuseOldTables } from './old-tables.js';
import { grantRuntimeRoles } from './runtime-role.js';
import type { Settings } from '../config/settings.js';

export type MigrationClass = new () => MigrationInterface;
type Log = (line: string) => void;

const POLL_MS = 200;
const MAX_LOCK_ATTEMPTS = 100;
const LOCK_TIMEOUT_MS = 200;

/** Users first, which most transactions use. For less time than `deadlock_timeout`, so that no request is cancelled. */
const LOCK_TABLES = `
  SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
  DO $$ BEGIN
    EXECUTE (SELECT coalesce('LOCK TABLE ' || string_agg(format('%I', tablename), ', ' ORDER BY tablename <> 'users'), 'SELECT')
      FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migrations'
        AND pg_has_role(tableowner, 'USAGE'));
  END $$;
  SET LOCAL lock_timeout = 0`;

/**
 * Migrates and, if the tables belong to another role, grants the service's role its privileges.
 * @param dataSource as for `migrate`, connected as the owner
 */
export async function prepareDatabase(
  dataSource: DataSource,
  settings: Settings,
  log: Log = ignore,
): Promise<string[]> {
  const done = await migrate(dataSource, log);
  const { runtimeRoles } = settings.database;
  if (runtimeRoles.length > 0)
    await withMigrationLock(dataSource, log, () => grantRuntimeRoles(dataSource, runtimeRoles));
  return done;
}

/**
 * Runs pending migrations. Several instances may call it at once: one migrates, the others wait for it.
 * @param dataSource with `migrations`, on a direct connection (no pooler in transaction mode)
 * @returns names of the migrations that this call ran, in order
 */
export async function migrate(dataSource: DataSource, log: Log = ignore): Promise<string[]> {
  if ((await pendingMigrations(dataSource)).length === 0) return [];
  await refuseOldTables(dataSource);
  return withMigrationLock(dataSource, log, async (runner) => {
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'each';
    lockTablesFirst(runner, log);
    const done = await executor.executePendingMigrations();
    return done.map(({ name }) => name);
  });
}

/**
 * Makes each migration start with the locks it may need. Taken one after the other, such as those of a foreign key to a table and
 * of a new column in it, they deadlock with transactions of the release that still runs.
 */
function lockTablesFirst(runner: QueryRunner, log: Log): void {
  const start = runner.startTransaction.bind(runner);
  runner.startTransaction = async (...args) => {
    for (let attempt = 1; ; attempt += 1) {
      await start(...args);
      try {
        await runner.query(LOCK_TABLES);
        return;
      } catch (error) {
        await runner.rollbackTransaction();
        if (sqlState(error) !== '55P03' || attempt === MAX_LOCK_ATTEMPTS) throw error;
        if (attempt === 1) log('a transaction of another program holds a table: waiting for it');
      }
      // New requests queue behind a waiting lock. This leaves them most of the time, even during a dump of minutes.
      await sleep(LOCK_TIMEOUT_MS * (2 + 6 * Math.random()));
    }
  };
}

/**
 * Reverts the latest migration, which may delete data.
 * @returns its name; null if there was none
 */
export async function revertLast(dataSource: DataSource, log: Log = ignore): Promise<string | null> {
  return withMigrationLock(dataSource, log, async (runner) => {
    const executor = new MigrationExecutor(dataSource, runner);
    const last = (await executor.getExecutedMigrations())[0];
    if (!last) return null;
    // TypeORM honours `transaction = false` only when it runs a migration, not when it reverts one.
    const found = dataSource.migrations.find((migration) => nameOf(migration) === last.name);
    executor.transaction = found?.transaction === false ? 'none' : 'each';
    await executor.undoLastMigration();
    return last.name;
  });
}

/** Names of the migrations that the database lacks. Unknown ones, of a later release, are ignored. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  // Without the list nothing would be pending, and readiness would pass on an empty database.
  if (dataSource.migrations.length === 0) throw new Error('this data source was made without `migrations`');
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations').catch((error: unknown) => {
    if (error instanceof QueryFailedError && error.driverError.code === '42P01') return [];
    throw error;
  });
  const done = new Set(rows.map(({ name }) => name));
  return dataSource.migrations.map(nameOf).filter((name) => !done.has(name));
}

/**
 * Migrates over its own connections, closed afterwards.
 * @param options.url default: the owner's
 * @param options.log receives a line per migration, wait and warning of the server
 */
export async function migrateDatabase(
  settings: Settings,
  migrations: MigrationClass[],
  { url = ownerUrl(settings.database), log = ignore }: { url?: string | null; log?: Log } = {},
): Promise<string[]> {
  // logger: TypeORM's default would also print failures, which are thrown, to the console.
  const dataSource = new DataSource({ ...databaseOptions(settings, url), migrations, poolSize: 2, logger: 'debug' });
  await dataSource.initialize();
  try {
    const done = await prepareDatabase(dataSource, settings, log);
    for (const name of done) log(`migration ${name} done`);
    return done;
  } finally {
    await dataSource.destroy();
  }
}

/**
 * The connection that migrates holds the lock, so the lock ends if that connection dies. It is polled: a connection blocked
 * in pg_advisory_lock() holds a snapshot, which CREATE INDEX CONCURRENTLY of the lock's holder waits for (a deadlock).
 */
async function withMigrationLock<T>(
  dataSource: DataSource,
  log: Log,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  const runner = dataSource.createQueryRunner();
  const connection = (await runner.connect()) as NodeJS.EventEmitter;
  const onNotice = (notice: { severity?: string; message?: string }) => {
    if (notice.severity === 'WARNING') log(`database: ${notice.message}`);
  };
  connection.on('notice', onNotice);
  try {
    await acquireLock(runner, log);
    // Building an index on a large table takes longer than a request may.
    await runner.query('SET statement_timeout = 0');
    await runner.query('SET idle_in_transaction_session_timeout = 0');
    return await work(runner);
  } finally {
    connection.off('notice', onNotice);
    await releaseLock(runner);
    await runner.release();
  }
}

async function acquireLock(runner: QueryRunner, log: Log): Promise<void> {
  for (let waited = 0; ; waited += POLL_MS) {
    const [row] = (await runner.query('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK_KEY])) as [
      { locked: boolean },
    ];
    if (row.locked) return;
    if (waited % 30_000 === 0) log('another instance is migrating the database: waiting for it');
    await sleep(POLL_MS);
  }
}

async function releaseLock(runner: QueryRunner): Promise<void> {
  // Fails only on a dead connection, whose lock has ended; the first error is the one to report.
  try {
    await runner.query('RESET statement_timeout');
    await runner.query('RESET idle_in_transaction_session_timeout');
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK_KEY]);
  } catch {
    return;
  }
}

function nameOf(migration: MigrationInterface): string {
  return migration.name ?? migration.constructor.name;
}

function ignore(): void {}
