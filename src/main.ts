import type { Server } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { migrations } from '../migrations/index.js';
import { createApp } from './app.js';
import { MAX_DRAIN_SECONDS, MAX_SHUTDOWN_SECONDS } from './common/http/graceful-shutdown.js';
import { Lifecycle } from './common/lifecycle.module.js';
import { createLogger } from './common/logging/logger.js';
import { onParentExit } from './dev/parent-process.js';
import { startEmbeddedPostgres } from './dev/embedded-postgres.js';
import { freePort } from './dev/free-port.js';
import { loadSettings } from './config/load.js';
import { migrateDatabase } from './database/migrator.js';
import type { Settings } from './config/settings.js';

type Stop = () => Promise<void>;

/** Uses the configured database, or starts an embedded one outside production. */
async function withDatabase(settings: Settings, log: (line: string) => void): Promise<[Settings, Stop]> {
  if (settings.database.url) return [settings, async () => undefined];
  const server = await startEmbeddedPostgres({ dataDir: `${settings.dataDir}/postgres`, log });
  const database = { ...settings.database, url: server.url, directUrl: server.url, embedded: true };
  return [{ ...settings, database }, () => server.stop()];
}

function describe(settings: Settings, address: string): string[] {
  const parts = [
    settings.database.embedded ? `PostgreSQL embedded under ${settings.dataDir}/postgres` : 'PostgreSQL configured',
    settings.redis.url ? 'Redis configured' : 'Redis replaced by memory',
    settings.kafka.brokers.length > 0 ? 'Kafka configured' : 'Kafka disabled (events stay in the outbox)',
    settings.mail.smtpUrl ? 'mail by SMTP' : `mail written to ${settings.mail.directory}`,
  ];
  return [
    `Ready: Swagger UI is at ${address}/docs`,
    `Parts: ${parts.join(', ')}`,
    'To make an administrator: npm run admin:create -- --email you@example.com',
  ];
}

async function start(): Promise<void> {
  const given = loadSettings();
  // Links contain the port and are configured before the server listens.
  const loaded = given.port === 0 ? loadSettings({ APP_PORT: String(await freePort(given.host)) }) : given;
  const logger = createLogger(loaded.logging.level, loaded.logging.file);
  const log = (line: string) => logger.info(line);
  const [settings, stopDatabase] = await withDatabase(loaded, log);
  let app: NestFastifyApplication | undefined;
  let stopping = false;

  async function stop(cause: string): Promise<void> {
    if (stopping) return;
    stopping = true;
    logger.info(`Stopping on ${cause}`);
    setTimeout(() => process.exit(1), MAX_SHUTDOWN_SECONDS * 1000).unref();
    if (app) {
      app.get(Lifecycle).startDraining();
      const server = app.getHttpServer() as Server;
      setTimeout(() => server.closeAllConnections(), MAX_DRAIN_SECONDS * 1000).unref();
      await new Promise((resolve) => setTimeout(resolve, settings.shutdownDelaySeconds * 1000));
      await app.close();
    }
    await stopDatabase();
    process.exit(0);
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  onParentExit(() => void stop('the end of npm'));
  try {
    if (settings.migrateOnStart) await migrateDatabase(settings, migrations, { log });
    app = await createApp(settings, logger);
    await app.listen(settings.port, settings.host);
  } catch (error) {
    await stopDatabase();
    throw error;
  }
  const { port } = app.getHttpServer().address() as { port: number };
  for (const line of describe(settings, `http://localhost:${port}`)) log(line);
}

/** One line that names the variable, the port or the server at fault. */
function explain(error: unknown): string {
  // A host with several addresses, none of which answered: the outer message is empty.
  if (error instanceof AggregateError) return error.errors.map(explain).join('; ');
  return error instanceof Error ? error.message : String(error);
}

try {
  await start();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
