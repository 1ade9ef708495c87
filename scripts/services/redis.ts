import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { type Guarded, runGuarded } from './guard.js';
import { type Crashable, crashable, Restartable } from './restartable.js';
import { dockerRuns, freePorts, install, type Log, onPath, ready } from './tools.js';

export interface RedisService {
  url: string;
  /** Only of a process of our own. */
  crash?: Crashable;
  stop(): Promise<void>;
}

/** The given server, else one of our own that keeps nothing. Throws the reason when neither can be had. */
export async function startRedis(options: { given?: string; port?: number; log: Log }): Promise<RedisService> {
  const { given, log } = options;
  if (given) {
    await ping(given);
    return { url: given, stop: async () => undefined };
  }
  if (!onPath('redis-server')) await install({ apt: ['redis-server'], apk: ['redis'], dnf: ['redis'] }, log);
  const [port] = await freePorts(options.port ?? 0);
  if (onPath('redis-server')) return serve(port!, binary(port!));
  if (await dockerRuns()) return serve(port!, container(port!));
  throw new Error('no REDIS_URL, no redis-server on the PATH, not installable, no Docker');
}

function binary(port: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-redis-'));
  chmodSync(folder, 0o700);
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', databases: 16 };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  return new Restartable(['redis-server', ...args], folder);
}

function container(port: number) {
  const name = `meetinity-redis-${process.pid}-${port}`;
  const args = ['--rm', '--name', name, '--publish', `127.0.0.1:${port}:6379`, 'redis:7-alpine', 'redis-server'];
  return runGuarded(['docker', 'run', ...args, '--save', '', '--appendonly', 'no'], { container: name });
}

async function serve(port: number, server: Guarded): Promise<RedisService> {
  const url = `redis://127.0.0.1:${port}`;
  try {
    await ready(() => ping(url), server);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url, crash: crashable(server, () => ping(url)), stop: () => server.stop() };
}

async function ping(url: string): Promise<void> {
  const options = { lazyConnect: true, connectTimeout: 2000, maxRetriesPerRequest: 0, retryStrategy: () => null };
  const client = new Redis(url, options);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
