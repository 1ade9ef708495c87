import 'reflect-metadata';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { databaseOptions, ownerUrl } from '../../src/database/connection-options.js';
import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres.js';
import { loadSettings } from '../../src/config/load.js';
import type { Settings } from '../../src/config/settings.js';
import { entities } from '../../src/entities.js';

export interface ScriptDatabase {
  /** With the addresses of this database, also where it is the embedded one. */
  settings: Settings;
  url: string;
  /** Connected, with all entities and migrations. */
  dataSource: DataSource;
  close(): Promise<void>;
}

/** What a question names: where a command would work, without the password. */
export function configuredDatabase(): string {
  const { database, dataDir } = loadSettings();
  const address = ownerUrl(database);
  if (!address) return `Database: the embedded one in ${dataDir}.`;
  const { username, host, pathname } = new URL(address);
  return `Database: ${pathname.slice(1)} on ${host}, as ${username}.`;
}

/** The database a script works on: the configured one, as its owner, else the service's embedded one (joined, or started for the while). */
export async function openDatabase(): Promise<ScriptDatabase> {
  const read = loadSettings();
  const configured = ownerUrl(read.database);
  const embedded = configured
    ? null
    : await startEmbeddedPostgres({ dataDir: path.join(read.dataDir, 'postgres'), log: console.error });
  const url = configured ?? embedded!.url;
  const settings = { ...read, database: { ...read.database, url, directUrl: url, embedded: embedded !== null } };
  // The addresses as they were given, so that an error names the right variable.
  const options = databaseOptions(configured ? read : settings, url);
  const dataSource = new DataSource({
    ...options,
    // The limit is one of requests; a script reads whole tables. As text: the number 0 the driver would not send.
    extra: { ...options.extra, statement_timeout: '0' },
    entities,
    migrations,
  });
  const close = async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
    await embedded?.stop();
  };
  try {
    await dataSource.initialize();
  } catch (error) {
    await close();
    throw error;
  }
  return { settings, url, dataSource, close };
}
