import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrations } from '../migrations/index.js';
import { createApp } from './app.js';
import { MAX_DRAIN_SECONDS } from './common/http/graceful-shutdown.js';
import { Lifecycle } from './common/lifecycle.module.js';
import type { Logger } from './common/logging/logger.js';
import type { Settings } from './config/settings.js';
import { migrateDatabase } from './database/migrator.js';
import { waitForDatabase } from './database/wait-for-database.js';

/** What `main` has started. */
export interface Running {
  port: number;
  /** @param delaySeconds from failing readiness to closing the port */
  stop(delaySeconds: number): Promise<void>;
}

/** Migrates the database and serves the API in this process. */
export async function startServer(settings: Settings, logger: Logger): Promise<Running> {
  await waitForDatabase(settings, (line) => logger.warn(line));
  if (settings.migrateOnStart) await migrateDatabase(settings, migrations, { log: (line) => logger.info(line) });
  const app = await createApp(settings, logger);
  await app.listen(settings.port, settings.host);
  const server = app.getHttpServer() as Server;
  return {
    port: (server.address() as { port: number }).port,
    stop: async (delaySeconds) => {
      app.get(Lifecycle).startDraining();
      setTimeout(() => server.closeAllConnections(), MAX_DRAIN_SECONDS * 1000).unref();
      await sleep(delaySeconds * 1000);
      await app.close();
    },
  };
}
