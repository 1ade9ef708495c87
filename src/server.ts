import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueryFailedError } from 'typeorm';
import { migrations } from '../migrations/index.js';
import { createApp } from './app.js';
import { primary } from './common/concurrency/process-requests.js';
import { MAX_DRAIN_SECONDS } from './common/http/graceful-shutdown.js';
import { Lifecycle } from './common/lifecycle.module.js';
import type { Logger } from './common/logging/logger.js';
import { registry } from './common/logging/metrics.js';
import type { Settings } from './config/settings.js';
import { ownerUrl } from './database/connection-options.js';
import { migrateDatabase } from './database/migrator.js';
import { postgresServer } from './database/postgres-server.js';
import { waitForDatabase } from './database/wait-for-database.js';

/** What `main` has started. */
export interface Running {
  port: number;
  /**
   * @param delaySeconds for which answers close their connections before idle ones are closed
   * @param isReplaced closes the port at once, because other processes listen on it too
   */
  stop(delaySeconds: number, isReplaced?: boolean): Promise<void>;
  /** Replaces every process without an interruption; undefined with one process. */
  reload?(): Promise<void>;
}

const PRIMARY_TIMEOUT_MS = 1000;
const MIN_POOL_ROWS = 2;
/** After the first look-ups of a start, which fill caches. */
const COLLECTION_DELAY_MS = 5000;

/**
 * Gives back the 50 MiB that V8 keeps for new objects after a start, in one pause of about 0.1 s. Only with Node's `--expose-gc`,
 * which the image sets.
 */
function collectOnce(): void {
  const { gc } = globalThis;
  if (gc) setTimeout(() => gc({ type: 'major', flavor: 'last-resort' }), COLLECTION_DELAY_MS).unref();
}

/** The pool is set for the machine and divided among its processes. */
function shareOf(settings: Settings): Settings {
  const { database, workers } = settings;
  const poolSize = Math.max(MIN_POOL_ROWS, Math.floor(database.poolSize / workers.count));
  return { ...settings, database: { ...database, poolSize } };
}

/** Names the server in the error of a statement; those of connecting name it already. */
function nameServer(settings: Settings, address: string | null) {
  return (error: unknown): never => {
    if (!(error instanceof QueryFailedError)) throw error;
    const hint = settings.migrateOnStart ? '' : '; with MIGRATE_ON_START=false, run the migrations first';
    throw new Error(`${postgresServer(settings, address).label}: ${error.message}${hint}`, { cause: error });
  };
}

/** Migrates the database and serves the API in this process. */
export async function startServer(machine: Settings, logger: Logger): Promise<Running> {
  const settings = shareOf(machine);
  const { database, migrateOnStart, port, host } = settings;
  await waitForDatabase(settings, (line) => logger.warn(line));
  const log = (line: string) => logger.info(line);
  if (migrateOnStart)
    await migrateDatabase(settings, migrations, { log }).catch(nameServer(settings, ownerUrl(database)));
  const app = await createApp(settings, logger).catch(nameServer(settings, database.url));
  await app.listen(port, host).catch(nameServer(settings, database.url));
  await primary?.ask('ready', null, PRIMARY_TIMEOUT_MS);
  collectOnce();
  const server = app.getHttpServer() as Server;
  return {
    port: (server.address() as { port: number }).port,
    stop: async (delaySeconds, isReplaced = false) => {
      app.get(Lifecycle).startDraining();
      // That of `http.Server` would close idle connections too, while clients use them again.
      if (isReplaced) NetServer.prototype.close.call(server);
      setTimeout(() => server.closeAllConnections(), MAX_DRAIN_SECONDS * 1000).unref();
      await sleep(delaySeconds * 1000);
      await app.close();
      const last = await registry.getMetricsAsJSON();
      await primary?.ask('last metrics', last, PRIMARY_TIMEOUT_MS).catch(() => undefined);
    },
  };
}
