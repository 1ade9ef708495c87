// Runs the servers of a test run in their own process, which exits when Jest does, because its pipe closes.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Client } from 'pg';
import { migrations } from '../../migrations/index.js';
import { findChromium } from '../../scripts/services/chromium.js';
import { type ServiceName, startServices } from '../../scripts/services/index.js';
import { findPgbouncer } from '../../scripts/services/pgbouncer.js';
import type { Log } from '../../scripts/services/tools.js';
import { migrateDatabase } from '../../src/database/migrator.js';
import { readSettings } from '../../src/config/settings.js';
import { compileSources } from './compiled.js';

const template = `meetinity_template_${process.pid}`;
const log = (line: string) => console.error(`[servers] ${line}`);

async function asAdmin(adminUrl: string, ...statements: string[]): Promise<{ datname: string }[]> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    let rows: { datname: string }[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

/** An empty, migrated database that every worker copies. It refuses connections, which would block copying. */
async function createTemplate(adminUrl: string): Promise<void> {
  await asAdmin(adminUrl, `CREATE DATABASE ${template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${template}`;
  const secrets = { JWT_SECRET: 'unused', ENCRYPTION_KEYS: `unused:${randomBytes(32).toString('base64')}` };
  const settings = readSettings({ NODE_ENV: 'test', DATABASE_URL: url.href, ...secrets });
  await migrateDatabase(settings, migrations);
  await asAdmin(adminUrl, `ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
}

async function dropDatabases(adminUrl: string): Promise<void> {
  const rows = await asAdmin(adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${template}%'`);
  await asAdmin(adminUrl, ...rows.map(({ datname }) => `DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`));
}

/** A program that some specs need, treated like a server. */
async function program(name: string, wanted: boolean, find: (log: Log) => Promise<string>) {
  if (!wanted) return { path: '', missing: [{ name, reason: 'not in TEST_SERVICES' }] };
  try {
    return { path: await find(log), missing: [] };
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return { path: '', missing: [{ name, reason: (error as Error).message }] };
  }
}

/** Starts all servers; after a failure it stops the others and throws. */
async function together<T extends readonly unknown[]>(...starts: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const settled = await Promise.allSettled(starts);
  const failed = settled.find((result) => result.status === 'rejected');
  if (!failed) return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
  for (const result of settled)
    if (result.status === 'fulfilled') await (result.value as { stop?(): Promise<void> | void }).stop?.();
  throw failed.reason;
}

/** `TEST_SERVICES=redis` (kafka, chromium, pgbouncer, none) makes a run of a few specs start faster; PostgreSQL is always there. */
async function start() {
  const { TEST_DATABASE_URL, REDIS_URL, KAFKA_BOOTSTRAP_SERVERS, TEST_SERVICES } = process.env;
  const all = TEST_SERVICES?.split(',') ?? ['redis', 'kafka', 'chromium', 'pgbouncer'];
  const names = all.filter((name) => ['postgres', 'redis', 'kafka'].includes(name)) as ServiceName[];
  const given = { postgres: TEST_DATABASE_URL, redis: REDIS_URL, kafka: KAFKA_BOOTSTRAP_SERVERS };
  const want = names.filter((name) => name !== 'postgres');
  const first = startServices({ want: ['postgres'], given, log }).then(async (services) => {
    if (!services.postgres) throw new Error(`the tests need PostgreSQL: ${services.missing[0]?.reason}`);
    await createTemplate(services.postgres.adminUrl);
    return services;
  });
  const [database, others, chromium, pgbouncer, compiled] = await together(
    first,
    startServices({ want, given, log }),
    program('chromium', all.includes('chromium'), findChromium),
    program('pgbouncer', all.includes('pgbouncer'), findPgbouncer),
    compileSources(),
  );
  const { adminUrl } = database.postgres!;
  const unwanted = (['redis', 'kafka'] as const).filter((name) => !want.includes(name));
  const missing = [
    ...others.missing,
    ...chromium.missing,
    ...pgbouncer.missing,
    ...unwanted.map((name) => ({ name, reason: 'not in TEST_SERVICES' })),
  ];
  const stop = async () => {
    compiled.stop();
    // A configured server must be left as it was.
    if (TEST_DATABASE_URL) await dropDatabases(adminUrl);
    await Promise.all([database.stop(), others.stop()]);
  };
  const exports = {
    TEST_COMPILED: compiled.folder,
    TEST_PG_ADMIN_URL: adminUrl,
    TEST_PG_TEMPLATE: template,
    TEST_REDIS_URL: others.redis?.url ?? '',
    TEST_KAFKA_BROKERS: others.kafka?.brokers ?? '',
    TEST_KAFKA_DETOUR: others.kafka?.detours[0] ? JSON.stringify(others.kafka.detours[0]) : '',
    TEST_CHROMIUM: chromium.path,
    TEST_PGBOUNCER: pgbouncer.path,
    TEST_MISSING_SERVICES: JSON.stringify(missing),
  };
  return { exports, stop };
}

const parentGone = once(process.stdin.resume(), 'end');
process.stdin.on('error', () => undefined);
try {
  const { exports, stop } = await start();
  console.log(JSON.stringify(exports));
  await parentGone;
  await stop();
  process.exit(0);
} catch (error) {
  log((error as Error).message.trim());
  process.exit(1);
}
