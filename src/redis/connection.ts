import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Redis, RedisOptions } from 'ioredis';
import type { Settings } from '../config/settings.js';

/**
 * Every failure is fast: nothing queues while Redis is away, and the connection comes back by itself. How long a command may
 * take is for the circuit breaker to say. The defaults of the library would hold a request for ten seconds. Milliseconds.
 */
const OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: true,
  // Collected by the circuit breaker already.
  autoPipeliningIgnoredCommands: ['mget'],
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // Past this the library forgets the command.
  commandTimeout: 2000,
  connectTimeout: 300,
  // For the good-bye of a connection that is given up.
  disconnectTimeout: 300,
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1000),
};

/** The one connection of the process; null where none is configured. */
export function connectRedis({ redis }: Settings): Redis | null {
  if (!redis.url) return null;
  const client = new Redis(redis.url, { ...OPTIONS, ...tlsOptions(redis), ...sentinelOptions(redis) });
  // The circuit breaker reports it, once an outage; without a listener each retry would print.
  client.on('error', () => undefined);
  // Rejects when Redis is away at start; the retries go on all the same.
  client.connect().catch(() => undefined);
  return client;
}

/** Which server a message is about, by which variable, and where: `Redis (REDIS_URL, cache:6379)`. */
export function redisLabel({ redis: { url, sentinels } }: Settings): string {
  if (sentinels.length > 0)
    return `Redis (REDIS_SENTINELS, ${sentinels.map(({ host, port }) => `${host}:${port}`).join()})`;
  const { hostname, port } = new URL(url ?? 'redis://memory');
  return `Redis (REDIS_URL, ${hostname}:${port || 6379})`;
}

function tlsOptions({ url, ca }: Settings['redis']): RedisOptions {
  const { protocol, hostname } = new URL(url!);
  if (protocol !== 'rediss:') return {};
  return { tls: { ...authorities(ca), ...(isIP(hostname) ? {} : { servername: hostname }) } };
}

function authorities(ca: string | null): ConnectionOptions {
  return ca ? { ca } : {};
}

function sentinelOptions({ url, ca, sentinels, sentinelName }: Settings['redis']): RedisOptions {
  if (sentinels.length === 0) return {};
  const { protocol, username, password, pathname } = new URL(url!);
  const tls = authorities(ca);
  return {
    sentinels,
    // Else one that accepts and says nothing would keep the others from being asked, for ever.
    sentinelCommandTimeout: 500,
    // Else the library would encrypt neither way, whatever the address says.
    ...(protocol === 'rediss:' ? { sentinelTLS: tls, enableTLSForSentinelMode: true, tls } : {}),
    name: sentinelName,
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    db: Number(pathname.slice(1)) || 0,
  };
}
