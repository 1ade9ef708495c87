import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import type { Settings } from '../../src/config/settings.js';
import { launch, stopOnSignal, Target } from '../lib/process.js';
import { prepareDatabase, SECRETS } from './database.js';

type Log = (line: string) => void;

/** The production build on one database, once with Redis and once without. */
export interface Pair {
  service: Target;
  plain: Target;
}

export interface Size {
  users: number;
  url: string;
  settings: Settings;
  start(): Promise<Pair>;
}

export interface ScaleStage {
  /** Smallest first. */
  sizes: Size[];
  /** PostgreSQL's log file. */
  serverLog: string;
  stop(): Promise<void>;
}

/** Less memory than in production: the smallest database fits into it, the larger ones do not. */
const POSTGRES = {
  shared_buffers: '512MB',
  max_connections: '200',
  max_wal_size: '4GB',
  maintenance_work_mem: '256MB',
};

/**
 * One PostgreSQL (fsync on) with a database a size, and one Redis.
 * @param keep folder that the databases stay in; without it a temporary one that goes at the end
 */
export async function createScaleStage(counts: number[], keep: string | undefined, log: Log): Promise<ScaleStage> {
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'meetinity-scale-'));
  mkdirSync(folder, { recursive: true });
  // As root, PostgreSQL runs under another account, which needs access.
  chmodSync(folder, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), flags: POSTGRES, log });
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    await Promise.all(running.map((target) => target.stop()));
    await postgres.stop();
    if (!keep) rmSync(folder, { recursive: true, force: true });
  };
  stopOnSignal(stop);

  async function start(name: string, env: Record<string, string>): Promise<Target> {
    const target = await launch({ name, args: ['dist/src/main.js'], env, ready: '/ready' });
    running.push(target);
    return target;
  }

  try {
    const { startServices } = await import('../../scripts/services/index.js');
    const { readSettings } = await import('../../src/config/settings.js');
    const { redis, missing, stop: stopRedis } = await startServices({ want: ['redis'], log });
    running.push({ stop: stopRedis });
    if (!redis) throw new Error(`the benchmark needs Redis: ${missing[0]?.reason}`);
    const sizes: Size[] = [];
    for (const [index, users] of [...counts].sort((a, b) => a - b).entries()) {
      const url = await prepareDatabase(postgres.url, users, log);
      // Without Kafka, so that the relay does not affect measurements. Rate limits would stop the load.
      const values = {
        ...SECRETS,
        DATABASE_URL: url,
        APP_HOST: '127.0.0.1',
        RATE_LIMIT_ENABLED: 'false',
        MAIL_DIR: join(folder, 'mail'),
        UPLOAD_FOLDER: join(folder, 'uploads'),
      };
      const redisUrl = new URL(redis.url);
      redisUrl.pathname = `/${index}`;
      sizes.push({
        users,
        url,
        settings: readSettings(values),
        start: async () => ({
          service: await start(`service on ${users} users`, { ...values, REDIS_URL: redisUrl.href }),
          plain: await start(`service on ${users} users without Redis`, values),
        }),
      });
    }
    return { sizes, serverLog: join(postgres.dataDir, 'server.log'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
