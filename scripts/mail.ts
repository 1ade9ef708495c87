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
  retry: { does: 'has mails sent now, parked ones included', call: call('retry'), options: { id, parked } },
  drop: { does: 'deletes mails unsent', call: call('drop'), options: { id, parked, yes } },
};

interface Row {
  id: string;
  kind: string;
  user_id: string | null;
  attempts: number;
  last_error: string | null;
  created_at: Date;
  next_attempt_at: Date;
  failed_at: Date | null;
}

const MAX_LISTED_ROWS = 1000;
const CHOSEN = `(id = ANY ($1::uuid[]) OR ($2 AND failed_at IS NOT NULL))`;

function choice(given: { id: string[]; parked: boolean }): [string[], boolean] {
  if (given.id.length === 0 && !given.parked) throw new UsageError('--id or --parked is missing');
  return [given.id, given.parked];
}

async function list(database: DataSource, onlyParked: boolean): Promise<void> {
  const rows = await database.query<Row[]>(
    `SELECT id, kind, user_id, attempts, last_error, created_at, next_attempt_at, failed_at FROM mail_queue
      WHERE contents <> '' AND (failed_at IS NOT NULL OR NOT $1) ORDER BY failed_at, next_attempt_at LIMIT $2`,
    [onlyParked, MAX_LISTED_ROWS],
  );
  for (const row of rows)
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
      const [, count] = await database.query<[unknown, number]>(
        `UPDATE mail_queue SET failed_at = NULL, attempts = 0, created_at = now(), next_attempt_at = now()
          WHERE ${CHOSEN} AND contents <> ''`,
        chosen,
      );
      await database.query('NOTIFY mail');
      console.log(`${count} mails to be sent now`);
    };
  }
  const given = readArguments(commands.drop, args);
  const chosen = choice(given);
  const what = given.parked ? 'all parked mails' : `${given.id.length} mails`;
  await confirm(given.yes, `This deletes ${what} unsent.`, configuredDatabase);
  return async (database) => {
    const [, count] = await database.query<[unknown, number]>(`DELETE FROM mail_queue WHERE ${CHOSEN}`, chosen);
    console.log(`${count} mails dropped`);
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
