import type { DataSource } from 'typeorm';
import { chooseCommand, flag, type Option, readArguments, UsageError, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase } from './lib/database.js';

const call = (name: string) => `npm run mail -- ${name}`;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const id: Option<string[]> = {
  value: 'ID',
  help: 'of a mail, as list prints it; may be repeated',
  repeats: true,
  read: (given, name) => {
    const wrong = given.find((one) => !UUID.test(one));
    if (wrong === undefined) return given;
    throw new UsageError(`${name} must be an ID, not "${wrong}"`);
  },
};
const parked = flag('all parked mails');

const commands = {
  list: {
    does: 'shows the mails that wait, parked ones first: id, kind, user, attempts, error; never addresses',
    call: call('list'),
    options: { parked: flag('only parked mails') },
  },
  retry: { does: 'sends waiting mails now, parked ones too', call: call('retry'), options: { id, parked } },
  drop: { does: 'deletes mails without sending them', call: call('drop'), options: { id, parked, yes } },
};

function choice(given: { id: string[]; parked: boolean }) {
  if (given.id.length === 0 && !given.parked) throw new UsageError('--id or --parked is missing');
  return { ids: given.id, parked: given.parked };
}

async function list(database: DataSource, onlyParked: boolean): Promise<void> {
  const { listMails } = await import('../src/mail/mail-rows.js');
  for (const row of await listMails(database, onlyParked))
    console.log(
      [
        row.id,
        row.kind,
        row.user_id ? `user ${row.user_id}` : 'request',
        `${row.attempts} attempts`,
        `created ${row.created_at.toISOString()}`,
        row.failed_at ? `parked ${row.failed_at.toISOString()}` : `next ${row.next_attempt_at.toISOString()}`,
        ...(row.last_error ? [row.last_error] : []),
      ].join('  '),
    );
}

async function prepare(): Promise<(database: DataSource) => Promise<void>> {
  const { name, args } = chooseCommand('npm run mail --', commands);
  if (name === 'list') {
    const given = readArguments(commands.list, args);
    return (database) => list(database, given.parked);
  }
  if (name === 'retry') {
    const chosen = choice(readArguments(commands.retry, args));
    return async (database) => {
      const { retryMails } = await import('../src/mail/mail-rows.js');
      console.log(`${await retryMails(database, chosen)} mails to be sent now`);
    };
  }
  const given = readArguments(commands.drop, args);
  const chosen = choice(given);
  const what = given.parked ? 'all parked mails' : `${given.id.length} mails`;
  await confirm(given.yes, `This deletes ${what} unsent.`, configuredDatabase);
  return async (database) => {
    const { dropMails } = await import('../src/mail/mail-rows.js');
    console.log(`${await dropMails(database, chosen)} mails dropped`);
  };
}

await runCommand('mail', async () => {
  const work = await prepare();
  const { dataSource, close } = await openDatabase();
  try {
    await work(dataSource);
  } finally {
    await close();
  }
});
