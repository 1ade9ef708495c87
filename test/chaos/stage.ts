import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startServices } from '../../scripts/services/index.js';
import type { Crashable } from '../../scripts/services/restartable.js';
import { freePorts } from '../../scripts/services/tools.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Disturbances } from './disturbances.js';
import { Instance } from './instance.js';
import { securityTopicOf } from './checks/topic.js';

export const SERVERS = ['postgres', 'redis', 'kafka'] as const;
export type ServerName = (typeof SERVERS)[number];

const INSTANCES = 2;

/** Real servers and two instances of the production build, with a proxy between each instance and server. */
export interface Stage {
  instances: Instance[];
  /** By server, then by instance. */
  proxies: Record<ServerName, TcpProxy[]>;
  servers: Record<ServerName, Crashable>;
  disturbances: Disturbances;
  /** Direct connections, without the proxies. */
  direct: { postgres: string; redis: string; kafka: string };
  topic: string;
  /** Where the instances write their logs. */
  folder: string;
  stop(): Promise<void>;
}

/** The campaign cannot start servers of its own, which it may kill. */
export class NoServers extends Error {}

/** @param options.logs kept afterwards; without it the logs go at the end */
export async function createStage(options: { log: (line: string) => void; logs?: string }): Promise<Stage> {
  const services = await startServices({ durable: true, detours: INSTANCES, log: options.log });
  const { postgres, redis, kafka } = services;
  const servers = { postgres: postgres?.crash, redis: redis?.crash, kafka: kafka?.crash };
  if (!servers.postgres || !servers.redis || !servers.kafka) {
    await services.stop();
    const reasons = services.missing.map(({ name, reason }) => `${name}: ${reason}`);
    throw new NoServers(`the campaign needs servers of its own that it can kill. ${reasons.join('; ')}`);
  }
  const direct = { postgres: postgres!.adminUrl, redis: redis!.url, kafka: kafka!.brokers };
  const folder = options.logs ? path.resolve(options.logs) : mkdtempSync(path.join(tmpdir(), 'meetinity-chaos-'));
  mkdirSync(folder, { recursive: true });
  const each = <T>(make: (index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: INSTANCES }, (_, n) => make(n)));
  const proxies = {
    postgres: await each(() => TcpProxy.before(direct.postgres)),
    redis: await each(() => TcpProxy.before(direct.redis)),
    kafka: await each((n) => {
      const { target, advertised } = kafka!.detours[n]!;
      return TcpProxy.before(`kafka://127.0.0.1:${target}`, advertised);
    }),
  };
  const topic = `chaos.${randomBytes(4).toString('hex')}`;
  const shared = {
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: 'http://localhost:8081',
    APP_HOST: '127.0.0.1',
    KAFKA_USER_TOPIC: topic,
    KAFKA_SECURITY_TOPIC: securityTopicOf(topic),
    JWT_SECRET: randomBytes(48).toString('base64'),
    ENCRYPTION_KEYS: `chaos:${randomBytes(32).toString('base64')}`,
    BCRYPT_COST: '10',
    RATE_LIMIT_ENABLED: 'false',
    MAIL_DIR: path.join(folder, 'mail'),
    UPLOAD_FOLDER: path.join(folder, 'uploads'),
  };
  const disturbances = new Disturbances();
  const ports = await freePorts(...Array.from({ length: INSTANCES }, () => 0));
  const instances = ports.map((port, n) => {
    const own = {
      APP_PORT: String(port),
      DATABASE_URL: proxies.postgres[n]!.url,
      REDIS_URL: proxies.redis[n]!.url,
      KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${proxies.kafka[n]!.port}`,
    };
    return new Instance(n, port, { ...shared, ...own }, folder, disturbances);
  });
  const stop = async () => {
    for (const instance of instances) instance.resume();
    await Promise.all(instances.map((instance) => instance.kill()));
    await Promise.all(SERVERS.flatMap((name) => proxies[name].map((proxy) => proxy.stop())));
    await services.stop();
    if (!options.logs) rmSync(folder, { recursive: true, force: true });
  };
  const known = servers as Record<ServerName, Crashable>;
  return { instances, proxies, servers: known, disturbances, direct, topic, folder, stop };
}
