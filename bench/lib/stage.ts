import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import type { Settings } from '../../src/config/settings.js';
import { launch, stopOnSignal, Target } from './process.js';

type Values = Record<string, string>;

/** Real servers (PostgreSQL with fsync on), and ways to start the service and the reference beside them. */
export interface Stage {
  settings: Settings;
  /** The production build; `without` names servers that it is not configured with. */
  service(options?: {
    without?: 'redis';
    values?: Values;
    nodeArgs?: string[];
  }): Promise<Target & { startedInMs: number }>;
  /** @param entry another file than that of one process */
  bare(nodeArgs?: string[], entry?: string): Promise<Target>;
  /** @returns the rows */
  query<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

const COMPILED = ['--import', '@swc-node/register/esm-register'];

export async function createStage(log: (line: string) => void): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'meetinity-bench-'));
  // As root, PostgreSQL runs under another account, which needs access.
  chmodSync(folder, 0o755);
  // Loaded here, so that `--help` does not wait for TypeORM.
  const { migrations } = await import('../../migrations/index.js');
  const { startServices } = await import('../../scripts/services/index.js');
  const { migrateDatabase } = await import('../../src/database/migrator.js');
  const { readSettings } = await import('../../src/config/settings.js');
  const services = await startServices({ dataDir: join(folder, 'postgres'), log });
  const { postgres, redis, kafka } = services;
  if (!postgres || !redis || !kafka)
    throw new Error(`the benchmark needs all three servers: ${JSON.stringify(services.missing)}`);
  const values: Values = {
    NODE_ENV: 'production',
    DOCS_ENABLED: 'true',
    PUBLIC_BASE_URL: 'http://localhost:8081',
    DATABASE_URL: postgres.adminUrl,
    REDIS_URL: redis.url,
    KAFKA_BOOTSTRAP_SERVERS: kafka.brokers,
    KAFKA_USER_TOPIC: `bench.${randomBytes(4).toString('hex')}`,
    JWT_SECRET: randomBytes(48).toString('base64'),
    ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    APP_HOST: '127.0.0.1',
    // Rate limits would stop the load, which comes from one address; all else has its default.
    RATE_LIMIT_ENABLED: 'false',
    SHUTDOWN_DELAY_SECONDS: '0',
    MAIL_DIR: join(folder, 'mail'),
    UPLOAD_FOLDER: join(folder, 'uploads'),
  };
  const settings = readSettings(values);
  await migrateDatabase(settings, migrations);
  const database = new Client({ connectionString: postgres.adminUrl });
  await database.connect();
  const running: Target[] = [];

  async function start(name: string, args: string[], env: Values, ready: string) {
    const target = await launch({ name, args, env, ready });
    running.push(target);
    return target;
  }

  const stop = async () => {
    await Promise.all(running.map((target) => target.stop()));
    await database.end();
    await services.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  stopOnSignal(stop);

  return {
    settings,
    service: ({ without, values: more = {}, nodeArgs = [] } = {}) => {
      const env = { ...values, ...more };
      if (without === 'redis') delete env.REDIS_URL;
      return start('service', [...nodeArgs, 'dist/src/main.js'], env, '/ready');
    },
    bare: (nodeArgs = [], entry = 'bench/bare/server.ts') =>
      start(
        'bare',
        [...nodeArgs, ...COMPILED, entry],
        { ...values, POOL_SIZE: String(settings.database.poolSize) },
        '/healthz',
      ),
    query: async (sql, parameters) => (await database.query(sql, parameters)).rows as never,
    stop,
  };
}
