import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../config/settings.js';
import { ownerUrl } from './connection-options.js';
import { postgresClient } from './postgres-client.js';
import { postgresServer } from './postgres-server.js';
import { READ_ONLY } from './read-only-recovery.js';

const RETRY_MS = 500;
const CONNECT_TIMEOUT_MS = 3000;

/** The server does not listen yet, has no address yet, or says that it is starting (57P03). */
const TRANSIENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  '57P03',
  // No standby has been promoted yet.
  READ_ONLY,
]);

/**
 * Returns once every server of the start accepts a connection. Wrong passwords and the like are not retried.
 * @throws Error that names the server and its variable
 */
export async function waitForDatabase(settings: Settings, log: (line: string) => void): Promise<void> {
  const { database, migrateOnStart, startTimeoutSeconds } = settings;
  const deadline = performance.now() + startTimeoutSeconds * 1000;
  const addresses = [migrateOnStart ? ownerUrl(database) : null, database.directUrl, database.url];
  for (const address of new Set(addresses.filter((item) => item !== null)))
    for (let attempt = 1; ; attempt += 1) {
      const error = await connectTo(settings, address);
      if (!error) break;
      if (!isTransient(error) || performance.now() > deadline) throw error;
      if (attempt === 1) log(`${error.message}; tried again for up to ${startTimeoutSeconds} seconds`);
      await sleep(RETRY_MS);
    }
}

async function connectTo(settings: Settings, address: string): Promise<Error | null> {
  const server = postgresServer(settings, address);
  const { connectionString } = server;
  const client = new (postgresClient(server))({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    await client.end();
  }
}

function isTransient(error: Error & { code?: string }): boolean {
  // The driver's time-out has no code.
  return TRANSIENT.has(error.code ?? '') || error.message.endsWith('it does not answer');
}
