import 'reflect-metadata';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import type { Settings } from '../../src/config/settings.js';

export interface ScriptDatabase {
  /** With the URLs of this database, the embedded one included. */
  settings: Settings;
  url: string;
  /** Connected, with all entities and migrations. */
  dataSource: DataSource;
  close(): Promise<void>;
}

/** The database a command would change, for its confirmation; without the password. */
export async function configuredDatabase(): Promise<string> {
  const { loadSettings } = await import('../../src/config/load.js');
  const { ownerUrl } = await import('../../src/database/connection-options.js');
  const { database, dataDir } = loadSettings();
  const address = ownerUrl(database);
  if (!address) return `Database: the embedded one in ${dataDir}.`;
  const { username, host, pathname } = new URL(address);
  return `Database: ${pathname.slice(1)} on ${host}, as ${username}.`;
}

/**
 * The configured database, as its owner; without one the service's embedded server, which is shared where it runs already.
 * TypeORM and the entities are loaded here, so that `--help` does not wait for them.
 */
export async function openDatabase(): Promise<ScriptDatabase> {
  const { DataSource } = await import('typeorm');
  const { migrations } = await import('../../migrations/index.js');
  const { loadSettings } = await import('../../src/config/load.js');
  const { databaseOptions, ownerUrl } = await import('../../src/database/connection-options.js');
  const { startEmbeddedPostgres } = await import('../../src/dev/embedded-postgres.js');
  const { entities } = await import('../../src/entities.js');
  const read = loadSettings();
  const configured = ownerUrl(read.database);
  const embedded = configured
    ? null
    : await startEmbeddedPostgres({ dataDir: path.join(read.dataDir, 'postgres'), log: console.error });
  const url = configured ?? embedded!.url;
  const settings = { ...read, database: { ...read.database, url, directUrl: url, embedded: embedded !== null } };
  // The URLs as configured, so that an error names the right variable.
  const options = databaseOptions(configured ? read : settings, url);
  const dataSource = new DataSource({
    ...options,
    // A script reads whole tables, so requests' limit does not apply. As text, because pg does not send the number 0.
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
