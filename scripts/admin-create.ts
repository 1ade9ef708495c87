import 'reflect-metadata';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { isEmail } from 'class-validator';
import { Appointment, AppointmentsService } from '../src/admin/appointments.service.js';
import { AppModule } from '../src/app.module.js';
import { AppError } from '../src/common/errors.js';
import { createLogger, NestLogger } from '../src/common/logger.js';
import { migrate } from '../src/config/migrate.js';
import { openDatabase, type ScriptDatabase } from './lib/database.js';

const USAGE = `usage: npm run admin:create -- --email you@example.com [--name "Your Name"] [--password-stdin]
  makes the account an administrator; where there is none, makes one and prints its password once
  --password-stdin  takes the password of a new account from standard input instead`;

interface Wanted {
  email: string;
  name: string;
  /** null: one is made. */
  password: string | null;
}

async function readArguments(): Promise<Wanted> {
  const { values } = parseArgs({
    options: { email: { type: 'string' }, name: { type: 'string' }, 'password-stdin': { type: 'boolean' } },
  });
  if (!values.email || !isEmail(values.email)) throw new Error(USAGE);
  // Never an argument: everybody on the machine sees those, and the shell keeps them.
  const password = values['password-stdin'] ? (await text(process.stdin)).replace(/\r?\n$/, '') : null;
  return { email: values.email, name: values.name?.trim() || 'Administrator', password };
}

async function appoint({ settings }: ScriptDatabase, { email, name, password }: Wanted): Promise<Appointment> {
  const logger = createLogger('error', null);
  const quiet = {
    ...settings,
    // Publishing the event is for the service: a relay that lives for a second would only hold up the one that stays.
    kafka: { ...settings.kafka, brokers: [] },
    adminBootstrapEmail: null,
  };
  const app = await NestFactory.createApplicationContext(AppModule.with(quiet, logger), {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  try {
    return await app.get(AppointmentsService, { strict: false }).appoint(email, name, password);
  } finally {
    await app.close();
  }
}

function report({ user, outcome, password }: Appointment): void {
  if (outcome === 'unchanged') return console.log(`${user.email} is an administrator already (${user.id}).`);
  console.log(`${user.email} is an administrator (${user.id}).`);
  if (password) console.log(`Password, shown only now: ${password}`);
  if (outcome === 'created') return;
  console.log('The account keeps its password. Sign in again: the sessions from before have ended.');
  if (!user.isVerified)
    console.error('Nobody has confirmed its address: make sure that the account is whose you think.');
}

async function run(): Promise<void> {
  const wanted = await readArguments();
  const database = await openDatabase();
  try {
    if (database.settings.migrateOnStart) await migrate(database.dataSource);
    report(await appoint(database, wanted));
  } finally {
    await database.close();
  }
}

function explain(error: unknown): string {
  const details = error instanceof AppError ? (error.extras.details ?? []) : [];
  return [(error as Error).message, ...details.map(({ message }) => message)].join('; ');
}

try {
  await run();
  process.exit(0);
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
