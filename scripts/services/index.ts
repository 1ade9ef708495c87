import { type KafkaService, startKafka } from './kafka.js';
import { type PostgresService, startPostgres } from './postgres.js';
import { type RedisService, startRedis } from './redis.js';
import type { Log } from './tools.js';

export type ServiceName = 'postgres' | 'redis' | 'kafka';

export interface ServicesOptions {
  want?: ServiceName[];
  /** Running servers to use: URLs of PostgreSQL and Redis, `host:port,…` of Kafka. */
  given?: Partial<Record<ServiceName, string>>;
  /** Preferred ports; otherwise, or if they are taken, free ones. */
  ports?: Partial<Record<ServiceName, number>>;
  /** PostgreSQL's data folder; by default a temporary one that is removed at the end. */
  dataDir?: string;
  /** Turns fsync on in a temporary folder, where it is off by default. */
  durable?: boolean;
  /** Number of Kafka listeners for proxies, see `Detour`. */
  detours?: number;
  log: Log;
}

export interface Services {
  postgres: PostgresService | null;
  redis: RedisService | null;
  kafka: KafkaService | null;
  /** Wanted servers that are not available on this machine. */
  missing: { name: ServiceName; reason: string }[];
  stop(): Promise<void>;
}

/** Starts the wanted servers in parallel. With `CI=true` a missing one is an error. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { want = ['postgres', 'redis', 'kafka'], given = {}, ports = {}, dataDir, durable, detours } = options;
  const missing: Services['missing'] = [];
  const started: { stop(): Promise<void> }[] = [];
  const attempt = async <T extends { stop(): Promise<void> }>(
    name: ServiceName,
    start: (own: { given?: string; port?: number; log: Log }) => Promise<T>,
  ): Promise<T | null> => {
    if (!want.includes(name)) return null;
    const log = (line: string) => options.log(`${name}: ${line}`);
    try {
      const service = await start({ given: given[name], port: ports[name], log });
      started.push(service);
      return service;
    } catch (error) {
      const reason = (error as Error).message.trim().split('\n')[0]!;
      missing.push({ name, reason: given[name] ? `the given server does not answer: ${reason}` : reason });
      return null;
    }
  };
  const [postgres, redis, kafka] = await Promise.all([
    attempt('postgres', (own) => startPostgres({ ...own, dataDir, durable })),
    attempt('redis', startRedis),
    attempt('kafka', (own) => startKafka({ ...own, detours })),
  ]);
  const stop = async () => {
    await Promise.all(started.map((service) => service.stop()));
  };
  if (missing.length > 0 && process.env.CI === 'true') {
    await stop();
    throw new Error(missing.map(({ name, reason }) => `${name} is not available: ${reason}`).join('; '));
  }
  return { postgres, redis, kafka, missing, stop };
}
