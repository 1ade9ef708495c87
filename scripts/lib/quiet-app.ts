import type { INestApplicationContext } from '@nestjs/common';
import { AppError } from '../../src/common/errors.js';
import type { Settings } from '../../src/config/settings.js';

/** The application without HTTP, for a command that calls its services. Loaded here, so that `--help` does not wait for it. */
export async function startQuietApp(settings: Settings): Promise<INestApplicationContext> {
  const { NestFactory } = await import('@nestjs/core');
  const { AppModule } = await import('../../src/app.module.js');
  const { createLogger, NestLogger } = await import('../../src/common/logging/logger.js');
  const logger = createLogger('error', null);
  const quiet = {
    ...settings,
    // The service publishes the event: a relay that lives for a second would only delay the one that stays.
    kafka: { ...settings.kafka, brokers: [] },
    adminBootstrapEmail: null,
    // The service in the same container has it.
    metricsPort: null,
  };
  return NestFactory.createApplicationContext(AppModule.with(quiet, logger), {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
}

/** Adds the messages of the error's details. */
export function explain(error: unknown): never {
  if (!(error instanceof AppError)) throw error;
  throw new Error([error.message, ...(error.extras.details ?? []).map(({ message }) => message)].join('; '));
}
