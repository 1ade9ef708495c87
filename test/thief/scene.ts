import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { launch } from '../../bench/lib/process.js';
import { migrations } from '../../migrations/index.js';
import type { Services } from '../../scripts/services/index.js';
import { readSettings } from '../../src/config/settings.js';
import { migrateDatabase } from '../../src/database/migrator.js';
import { ORIGIN } from '../support/authenticator.js';
import { OidcProvider } from '../support/oidc-provider.js';
import type { Weakness } from './weaknesses.js';

const execFileAsync = promisify(execFile);
const COMPILED = ['--import', '@swc-node/register/esm-register'];
export const APP_URL = 'https://app.example/signed-in';

/** A running service with servers and secrets of its own. */
export interface Scene {
  url: string;
  provider: OidcProvider;
  /** What the gateway's environment holds. */
  gateway: { JWT_SECRET: string };
  logFile: string;
  database: Client;
  redis: Redis;
  /** Runs a command of the service; its output. */
  command(name: string, ...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** A copy of the source with a weakness planted. @throws Error where a text to replace does not stand there exactly once */
function plant({ name, files, replace, all, by }: Weakness, folder: string): string {
  mkdirSync(folder);
  for (const part of ['src', 'scripts', 'migrations', 'package.json', 'tsconfig.json'])
    cpSync(part, join(folder, part), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  for (const file of files) {
    const path = join(folder, 'src', file);
    const source = readFileSync(path, 'utf8');
    const found = source.split(replace).length - 1;
    if (found === 0 || (found > 1 && !all)) throw new Error(`"${name}" does not fit src/${file}: ${found} places`);
    writeFileSync(
      path,
      source.replaceAll(replace, () => by),
    );
  }
  return folder;
}

/** @param folder for files, emptied by the caller */
export async function openScene(
  { postgres, redis: redisServer }: Services,
  weakness: Weakness | null,
  folder: string,
): Promise<Scene> {
  mkdirSync(folder);
  const root = weakness ? plant(weakness, join(folder, 'source')) : process.cwd();
  const admin = new Client({ connectionString: postgres!.adminUrl });
  await admin.connect();
  const name = `thief_${randomBytes(4).toString('hex')}`;
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const databaseUrl = Object.assign(new URL(postgres!.adminUrl), { pathname: `/${name}` }).href;
  const redis = new Redis(redisServer!.url);
  await redis.flushall();
  const provider = await OidcProvider.start();
  const logFile = join(folder, 'service.log');
  const values = {
    ...provider.values,
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: ORIGIN,
    APP_HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisServer!.url,
    JWT_SECRET: randomBytes(48).toString('base64'),
    ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}`,
    BCRYPT_COST: '10',
    REFRESH_GRACE_SECONDS: '0',
    RATE_LIMIT_ENABLED: 'false',
    OAUTH_REDIRECT_ALLOWLIST: APP_URL,
    // Nothing answers there, so that mails stay in the queue.
    SMTP_URL: 'smtp://127.0.0.1:9',
    LOG_FILE: logFile,
    UPLOAD_FOLDER: join(folder, 'uploads'),
    SHUTDOWN_DELAY_SECONDS: '0',
  };
  await migrateDatabase(readSettings(values), migrations);
  const args = [...COMPILED, join(root, 'src', 'main.ts')];
  const service = await launch({ name: 'service', args, env: values, ready: '/ready' });
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  const stop = async () => {
    await service.stop();
    await provider.stop();
    await database.end();
    redis.disconnect();
  };
  const command = async (...given: string[]) => {
    const env = { PATH: process.env.PATH, ENV_FILE: '', ...values };
    const { stdout } = await execFileAsync(process.execPath, ['scripts/run.mjs', ...given], { cwd: root, env });
    return stdout;
  };
  return {
    url: service.url,
    provider,
    gateway: { JWT_SECRET: values.JWT_SECRET },
    logFile,
    database,
    redis,
    command,
    stop,
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON; null for other answers. */
  body: any;
}

export async function ask(
  { url }: Scene,
  method: string,
  path: string,
  { body, bearer, cookie }: { body?: object; bearer?: string; cookie?: string } = {},
): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body) headers['content-type'] = 'application/json';
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`;
  if (cookie !== undefined) Object.assign(headers, { cookie, accept: 'text/html' });
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body), redirect: 'manual' });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') && text !== '';
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : null };
}
