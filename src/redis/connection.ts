import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Redis, RedisOptions } from 'ioredis';
import type { Settings } from '../config/settings.js';

/**
 * Fails fast: nothing queues while Redis is away, and ioredis reconnects in the background. The circuit breaker has its own,
 * shorter timeout; the defaults would block a request for ten seconds. Times in milliseconds.
 */
const OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: true,
  // `GetBatcher` combines these.
  autoPipeliningIgnoredCommands: ['mget'],
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 2000,
  connectTimeout: 300,
  disconnectTimeout: 300,
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1000),
};

/** The only connection of the process; null without REDIS_URL. */
export function connectRedis({ redis }: Settings): Redis | null {
  if (!redis.url) return null;
  const client = new Redis(redis.url, { ...OPTIONS, ...tlsOptions(redis), ...sentinelOptions(redis) });
  // The circuit breaker logs outages; without a listener ioredis would print each retry.
  client.on('error', () => undefined);
  // Rejects if Redis is away; ioredis retries all the same.
  client.connect().catch(() => undefined);
  return client;
}

/** For log messages: `Redis (REDIS_URL, cache:6379)`. */
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
    // Otherwise a sentinel that accepts and never answers would block the fallback to the others.
    sentinelCommandTimeout: 500,
    // With sentinels ioredis ignores the `rediss:` of the URL.
    ...(protocol === 'rediss:' ? { sentinelTLS: tls, enableTLSForSentinelMode: true, tls } : {}),
    name: sentinelName,
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    db: Number(pathname.slice(1)) || 0,
  };
}
