import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { isEmail } from 'class-validator';
import { AppointmentsService } from '../src/admin/appointments.service.js';
import { AppModule } from '../src/app.module.js';
import { createLogger, NestLogger } from '../src/common/logger.js';
import { migrate } from '../src/config/migrate.js';
import { openDatabase } from './lib/database.js';

const USAGE = `usage: npm run admin:create -- --email you@example.com [--name "Your Name"]
  makes the account an administrator; where there is none, makes one and prints its password once`;

function readArguments(): { email: string; name: string } {
  const { values } = parseArgs({ options: { email: { type: 'string' }, name: { type: 'string' } } });
  if (!values.email || !isEmail(values.email)) throw new Error(USAGE);
  return { email: values.email, name: values.name?.trim() || 'Administrator' };
}

async function run(): Promise<void> {
  const { email, name } = readArguments();
  const { settings, url, dataSource, close } = await openDatabase();
  try {
    if (settings.migrateOnStart) await migrate(dataSource);
    const database = { ...settings.database, url, directUrl: url };
    const logger = createLogger('error', null);
    const root = AppModule.with({ ...settings, database, adminBootstrapEmail: null }, logger);
    const app = await NestFactory.createApplicationContext(root, { logger: new NestLogger(logger) });
    const { password, userId } = await app.get(AppointmentsService, { strict: false }).appoint(email, name);
    await app.close();
    console.log(`${email} is an administrator (${userId}).`);
    if (password) console.log(`Password, shown only now: ${password}`);
    else console.log('Sign in again: the sessions from before have ended.');
  } finally {
    await close();
  }
}

try {
  await run();
  process.exit(0);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
