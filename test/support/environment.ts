import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client, DatabaseError } from 'pg';
import { type Pooler, startPgbouncer } from '../../scripts/services/pgbouncer.js';

type Server = 'redis' | 'kafka' | 'chromium' | 'pgbouncer';

const worker = Number(process.env.JEST_WORKER_ID ?? 1);
const adminUrl = () => required('TEST_PG_ADMIN_URL');
const template = () => required('TEST_PG_TEMPLATE');

let database: Promise<string> | undefined;
let redisUrl: Promise<string> | undefined;

/** URL of this spec file's own database, a copy of the migrated template that the first call creates. */
export function workerDatabase(): Promise<string> {
  return (database ??= createDatabase());
}

/** Drops the database of `workerDatabase`, even with open connections. */
export async function dropWorkerDatabase(): Promise<void> {
  if (!database) return;
  const name = new URL(await database).pathname.slice(1);
  database = undefined;
  await asAdmin((client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}

/** URL of this worker's Redis database, empty at the first call of a spec file. */
export function workerRedisUrl(): Promise<string> {
  return (redisUrl ??= emptyRedis());
}

/** `host:port` of the Kafka brokers. */
export function kafkaBrokers(): string[] {
  return required('TEST_KAFKA_BROKERS').split(',');
}

/** Path of the browser for tests of pages. */
export function chromiumPath(): string {
  return required('TEST_CHROMIUM');
}

/** PgBouncer in transaction mode before this spec file's own database. */
export async function workerPooler(): Promise<Pooler> {
  return startPgbouncer(required('TEST_PGBOUNCER'), await workerDatabase());
}

/** Path of a file of the project as JavaScript, `src/main.js` for src/main.ts, for a process to start. */
export function compiled(file: string): string {
  return path.join(required('TEST_COMPILED'), file);
}

/** A unique topic name. */
export function workerTopic(label = 'events'): string {
  return `test.${label}.${worker}.${randomBytes(6).toString('hex')}`;
}

/** `describe`, or `describe.skip` with the reason if one of the servers is not available. */
export function describeWith(servers: Server | Server[], name: string, body: () => void): void {
  const missing = JSON.parse(process.env.TEST_MISSING_SERVICES ?? '[]') as { name: string; reason: string }[];
  const absent = missing.find((server) => [servers].flat().includes(server.name as Server));
  describeUnless(absent ? `no ${absent.name}: ${absent.reason}` : null, name, body);
}

/** `describe`, or `describe.skip` with the obstacle, if there is one. */
export function describeUnless(obstacle: string | null, name: string, body: () => void): void {
  if (obstacle) process.stderr.write(`skipped: ${name} (${obstacle})\n`);
  (obstacle ? describe.skip : describe)(name, body);
}

async function createDatabase(): Promise<string> {
  const name = `${template()}_${worker}_${randomBytes(4).toString('hex')}`;
  await asAdmin(async (client) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.query(`CREATE DATABASE ${name} TEMPLATE ${template()}`);
      } catch (error) {
        // 55006: the template is in use, maybe by autovacuum.
        if (!(error instanceof DatabaseError) || error.code !== '55006' || attempt === 20) throw error;
        await sleep(100 * Math.random() + 50);
      }
    }
  });
  const url = new URL(adminUrl());
  url.pathname = `/${name}`;
  return url.href;
}

async function asAdmin<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function emptyRedis(): Promise<string> {
  const url = new URL(required('TEST_REDIS_URL'));
  url.pathname = `/${worker % 16}`;
  const client = new Redis(url.href, { lazyConnect: true });
  try {
    await client.connect();
    await client.flushdb();
  } finally {
    client.disconnect();
  }
  return url.href;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: this spec needs a server that the test run does not have`);
  return value;
}
