import cluster from 'node:cluster';
import { MAX_SHUTDOWN_SECONDS } from './common/http/graceful-shutdown.js';
import { createLogger, type Logger } from './common/logging/logger.js';
import { onParentExit } from './dev/parent-process.js';
import { startEmbeddedPostgres } from './dev/embedded-postgres.js';
import { freePort } from './dev/free-port.js';
import { loadSettings } from './config/load.js';
import type { Settings } from './config/settings.js';
import type { Running } from './server.js';

/** For kept-alive connections of a process that is replaced. */
const REPLACED_DELAY_SECONDS = 2;

/** Uses the configured database, or starts an embedded one outside production. */
async function withDatabase(settings: Settings, logger: Logger): Promise<[Settings, () => Promise<void>]> {
  if (settings.database.url) return [settings, async () => undefined];
  const log = (line: string) => logger.info(line);
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
    settings.docsEnabled ? `Ready: Swagger UI is at ${address}/docs` : `Ready at ${address}`,
    `Parts: ${parts.join(', ')}`,
    'To make an administrator: npm run admin:create -- --email you@example.com',
  ];
}

async function start(given: Settings, logger: Logger): Promise<void> {
  if (cluster.isPrimary) for (const warning of given.warnings) logger.warn(warning);
  const [settings, stopDatabase] = await withDatabase(given, logger);
  let running: Running | undefined;
  let stopping = false;

  async function stop(cause: string, isReplaced = false): Promise<void> {
    if (stopping) return;
    stopping = true;
    logger.info(`Stopping on ${cause}`);
    setTimeout(() => process.exit(1), MAX_SHUTDOWN_SECONDS * 1000).unref();
    await running?.stop(isReplaced ? REPLACED_DELAY_SECONDS : settings.shutdownDelaySeconds, isReplaced);
    await stopDatabase();
    process.exit(process.exitCode ?? 0);
  }

  process.on('SIGTERM', () => void stop('SIGTERM'));
  if (cluster.isPrimary) {
    process.on('SIGINT', () => void stop('SIGINT'));
    process.on('SIGHUP', () => void (process.stdin.isTTY || !running?.reload ? stop('SIGHUP') : running.reload()));
    onParentExit(() => void stop('the end of npm'));
  } else {
    // A terminal signals all processes; the primary decides.
    for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
    process.on('SIGUSR2', () => void stop('its replacement', true));
  }
  try {
    if (cluster.isPrimary && settings.workers.count > 1) {
      const { Primary } = await import('./primary.js');
      running = await new Primary(settings, logger, () => process.exit(1)).start();
    } else running = await (await import('./server.js')).startServer(settings, logger);
  } catch (error) {
    await stopDatabase();
    throw error;
  }
  if (cluster.isPrimary) for (const line of describe(settings, `http://localhost:${running.port}`)) logger.info(line);
}

/** One line that names the variable, the port or the server at fault. */
function explain(error: unknown): string {
  // A host with several addresses, none of which answered: the outer message is empty.
  if (error instanceof AggregateError) return error.errors.map(explain).join('; ');
  const { message, path, syscall } = error as NodeJS.ErrnoException;
  if (/^(listen|getaddrinfo) /.test(message)) return `APP_HOST, APP_PORT: ${message}`;
  // Errors about other files name their variable already.
  return path === undefined || syscall?.startsWith('spawn') ? message : `DATA_DIR: ${message}`;
}

/** Before there is a log, faults go to standard error. */
let logger: Logger | undefined;
try {
  const given = loadSettings();
  // Links contain the port and are configured before the server listens.
  const settings = given.port === 0 ? loadSettings({ APP_PORT: String(await freePort(given.host)) }) : given;
  logger = createLogger(settings.logging.level, settings.logging.file);
  await start(settings, logger);
} catch (error) {
  if (logger?.isLevelEnabled('fatal')) logger.fatal(explain(error));
  else process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
