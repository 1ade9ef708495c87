import { type KafkaService, startKafka } from './kafka.js';
import { type PostgresService, startPostgres } from './postgres.js';
import { type RedisService, startRedis } from './redis.js';
import type { Log } from './tools.js';

export type ServiceName = 'postgres' | 'redis' | 'kafka';

export interface ServicesOptions {
  want?: ServiceName[];
  /** Servers to use instead of starting any: URLs of PostgreSQL and Redis, `host:port,…` of Kafka. */
  given?: Partial<Record<ServiceName, string>>;
  /** Wanted ports; without them, or where they are taken, free ones. */
  ports?: Partial<Record<ServiceName, number>>;
  /** Where PostgreSQL keeps its data; without it in a temporary folder that goes at the end. */
  dataDir?: string;
  /** Else a PostgreSQL in a temporary folder does not care for a power cut. */
  durable?: boolean;
  /** Ways into Kafka for proxies, see `Detour`. */
  detours?: number;
  log: Log;
}

export interface Services {
  postgres: PostgresService | null;
  redis: RedisService | null;
  kafka: KafkaService | null;
  /** What was wanted and cannot be had here. */
  missing: { name: ServiceName; reason: string }[];
  stop(): Promise<void>;
}

/** Starts the wanted servers side by side. With `CI=true` one that cannot be had is an error. */
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
    throw new Error(missing.map(({ name, reason }) => `${name} cannot be had: ${reason}`).join('; '));
  }
  return { postgres, redis, kafka, missing, stop };
}
