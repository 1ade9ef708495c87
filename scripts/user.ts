import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { canonicalEmail, isEmailAddress, isKnownSpelling } from '../src/common/dto/email-address.js';
import { toLine } from '../src/common/dto/text.js';
import { chooseCommand, flag, operand, readArguments, required, textOption, UsageError, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase } from './lib/database.js';
import { explain, startQuietApp } from './lib/quiet-app.js';

const MAX_NAME_CHARS = 255;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const call = (name: string) => `npm run user -- ${name}`;
const user = operand(textOption('ID|ADDRESS', 'of the account', (given) => UUID.test(given) || isKnownSpelling(given)));
const why = textOption('TEXT', 'for the audit log, 3 to 500 characters', (given) => /^.{3,500}$/su.test(given.trim()));

const address = (meaning: string) =>
  required(textOption('ADDRESS', meaning, (given) => isEmailAddress(canonicalEmail(given) ?? given)));

const commands = {
  create: {
    does: 'creates an account without a password, and mails a link to set one',
    call: call('create'),
    options: {
      email: address('of the account'),
      name: required(textOption('TEXT', 'of the user', (given) => toLine(given, MAX_NAME_CHARS) !== '')),
      reason: why,
    },
  },
  email: {
    does: 'replaces the address of an account; the old address gets a notice that undoes it for 72 hours',
    call: call('email'),
    options: { user, email: address('the new one'), reason: why },
  },
  erase: { does: 'deletes an account permanently', call: call('erase'), options: { user, reason: required(why), yes } },
  export: {
    does: 'writes all data of a user as JSON',
    call: call('export'),
    options: { user, out: textOption('FILE', 'instead of standard output'), reason: why },
  },
  show: {
    does: 'prints an account with sessions and last audit entries as JSON',
    call: call('show'),
    options: { user },
  },
  sessions: {
    does: 'prints the live sessions of a user as JSON, or ends them',
    call: call('sessions'),
    options: { user, end: flag('ends all of them'), reason: why, yes },
  },
  'mfa-reset': {
    does: 'removes the second factors of a user who lost them, after a day of notice to all their addresses',
    call: call('mfa-reset'),
    options: { user, reason: required(why), yes },
  },
  unlock: {
    does: 'lifts locks after wrong passwords and codes, and enables a disabled password',
    call: call('unlock'),
    options: { user, reason: why },
  },
};

type Work = (app: INestApplicationContext) => Promise<void>;

/** Looks services up by name, because their files are loaded last. */
async function services(app: INestApplicationContext) {
  const { UserAccountsService } = await import('../src/admin/user-accounts.service.js');
  const { UserChangesService } = await import('../src/admin/user-changes.service.js');
  const { UserDetailService } = await import('../src/admin/user-detail.service.js');
  const { UsersService } = await import('../src/users/users.service.js');
  return {
    accounts: app.get(UserAccountsService, { strict: false }),
    changes: app.get(UserChangesService, { strict: false }),
    details: app.get(UserDetailService, { strict: false }),
    users: app.get(UsersService, { strict: false }),
  };
}

async function idOf(app: INestApplicationContext, given: string): Promise<string> {
  if (UUID.test(given)) return given.toLowerCase();
  const found = await (await services(app)).users.findByEmail(given);
  if (!found) throw new Error(`there is no account with the address ${given}`);
  return found.id;
}

const act = (name: string, reason?: string) => ({
  actor: null,
  reason: reason ? `${reason.trim()} (npm run user -- ${name})` : `npm run user -- ${name}`,
  context: null,
});
const print = (value: unknown) => console.log(JSON.stringify(value, null, 2));

/** The work that was asked for, its arguments checked and what destroys agreed to. */
async function prepare(): Promise<Work> {
  const { name, args } = chooseCommand('npm run user --', commands);
  if (name === 'create') {
    const given = readArguments(commands.create, args);
    const account = { email: canonicalEmail(given.email)!, name: toLine(given.name, MAX_NAME_CHARS) };
    return async (app) => {
      const { id, email } = await (await services(app)).accounts.invite(account, act(name, given.reason));
      console.log(`${email} has an account (${id}); a link to set its password was mailed.`);
    };
  }
  if (name === 'email') {
    const given = readArguments(commands.email, args);
    return async (app) => {
      const { changes } = await services(app);
      const { email } = await changes.update(
        await idOf(app, given.user),
        { email: given.email },
        act(name, given.reason),
      );
      console.log(`The address is ${email} now.`);
    };
  }
  if (name === 'erase') {
    const given = readArguments(commands.erase, args);
    await confirm(given.yes, `This deletes ${given.user} permanently.`, configuredDatabase);
    return async (app) => {
      await (await services(app)).changes.erase(await idOf(app, given.user), act(name, given.reason));
      console.log('The account was deleted.');
    };
  }
  if (name === 'export') {
    const given = readArguments(commands.export, args);
    return async (app) => {
      const file = await (await services(app)).accounts.export(await idOf(app, given.user), act(name, given.reason));
      // Readable by the caller only: it is all that is known of a person.
      if (given.out) await pipeline(file, createWriteStream(given.out, { mode: 0o600, flags: 'wx' }));
      else await pipeline(file, process.stdout, { end: false });
    };
  }
  if (name === 'show') {
    const given = readArguments(commands.show, args);
    return async (app) => print(await (await services(app)).details.get(await idOf(app, given.user), ''));
  }
  if (name === 'sessions') {
    const given = readArguments(commands.sessions, args);
    if (!given.end && given.reason !== undefined) throw new UsageError('--reason goes with --end');
    if (given.end) await confirm(given.yes, `This ends all sessions of ${given.user}.`, configuredDatabase);
    return async (app) => {
      const { changes, details } = await services(app);
      const id = await idOf(app, given.user);
      if (given.end) await changes.revokeSessions(id, act(name, given.reason));
      print((await details.get(id, '')).sessions);
    };
  }
  if (name === 'mfa-reset') {
    const given = readArguments(commands['mfa-reset'], args);
    await confirm(given.yes, `This removes the second factors of ${given.user} in a day.`, configuredDatabase);
    return async (app) => {
      const { accounts } = await services(app);
      const effectiveAt = await accounts.resetFactors(await idOf(app, given.user), act(name, given.reason));
      console.log(`The factors are removed at ${effectiveAt.toISOString()}, unless one of them signs in before.`);
    };
  }
  const given = readArguments(commands.unlock, args);
  return async (app) => {
    await (await services(app)).accounts.unlock(await idOf(app, given.user), act(name, given.reason));
    console.log('The account is unlocked.');
  };
}

async function run(): Promise<void> {
  const work = await prepare();
  const { dataSource, settings, close } = await openDatabase();
  try {
    const { prepareDatabase } = await import('../src/database/migrator.js');
    if (settings.migrateOnStart) await prepareDatabase(dataSource, settings, console.error);
    const app = await startQuietApp(settings);
    try {
      await work(app);
    } finally {
      await app.close();
    }
  } finally {
    await close();
  }
  // Flushed, since the process exits at once: a pipe takes writes later.
  await new Promise((resolve) => process.stdout.write('', resolve));
}

await runCommand('user', () => run().catch(explain));
process.exit();
