import type { Client } from 'pg';
import type { Settings } from '../src/config/settings.js';
import { FieldCipher } from '../src/crypto/field-cipher.js';
import { hashPassword } from '../src/crypto/password-schemes.js';
import { numberOption, readArguments, required, UsageError, type Values, withDefault, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase, type ScriptDatabase } from './lib/database.js';
import { copyInto } from './seed/copy.js';
import { addPerson, personId, type Rows, SEED_PASSWORD, type SeedOptions, TARGETS } from './seed/people.js';
import { startProgress } from './seed/progress.js';

const BATCH_ROWS = 5000;
const MAX_USERS = 20_000_000;

const COMMAND = {
  call: 'npm run seed --',
  does:
    'fills the database with realistic members; a second run continues where the first one ended\n' +
    '  With NODE_ENV=production it needs --yes and SEED_PRODUCTION=yes in the environment.',
  options: {
    users: required(numberOption('number of members of this seed that the database shall have', 1, MAX_USERS)),
    seed: withDefault(numberOption('another number generates other members', 0, Number.MAX_SAFE_INTEGER), 1),
    yes: { ...yes, help: 'also where the database holds users whom this seed did not make' },
  },
};
type Wanted = Values<typeof COMMAND.options>;

/** Binary search for the number of seeded users: they are added in order, one batch per transaction. */
async function countSeeded(client: Client, seed: number): Promise<number> {
  let [low, high] = [0, MAX_USERS];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { rowCount } = await client.query('SELECT FROM users WHERE id = $1', [personId(seed, middle)]);
    if (rowCount) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function confirmOthers(client: Client, seeded: number, agreed: boolean): Promise<void> {
  // The limit stops the count at the first foreign user.
  const { rows } = await client.query('SELECT count(*)::int AS count FROM (SELECT FROM users LIMIT $1) u', [
    seeded + 1,
  ]);
  if (rows[0].count > seeded)
    await confirm(agreed, 'This adds to a database that holds users whom this seed did not make.', configuredDatabase);
}

async function prepareSchema({ dataSource, settings }: ScriptDatabase): Promise<void> {
  const { pendingMigrations, prepareDatabase } = await import('../src/database/migrator.js');
  if (settings.migrateOnStart) await prepareDatabase(dataSource, settings, console.error);
  const pending = await pendingMigrations(dataSource);
  if (pending.length > 0) throw new Error(`run the migrations first: ${pending.join(', ')}`);
}

async function writeBatch(client: Client, rows: Rows): Promise<void> {
  await client.query('BEGIN');
  try {
    for (const [table, target] of Object.entries(TARGETS)) await copyInto(client, target, rows[table as keyof Rows]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

function makeBatch(from: number, to: number, options: SeedOptions): Rows {
  const rows: Rows = { users: [], identities: [], preferences: [], sessions: [] };
  for (let index = from; index < to; index++) addPerson(rows, index, options);
  return rows;
}

async function seedUsers(client: Client, settings: Settings, from: number, to: number, seed: number): Promise<void> {
  const options: SeedOptions = {
    seed,
    today: new Date(new Date().setUTCHours(0, 0, 0, 0)),
    passwordHash: await hashPassword(SEED_PASSWORD, { kind: settings.passwordHash, cost: settings.bcryptCost }),
    cipher: new FieldCipher(settings.encryptionKeys),
  };
  // A crash may lose the last batches, never part of one; the next run adds them again.
  await client.query('SET synchronous_commit = off');
  const progress = startProgress(from, to);
  let writing = Promise.resolve();
  for (let first = from; first < to; first += BATCH_ROWS) {
    const last = Math.min(first + BATCH_ROWS, to);
    const rows = makeBatch(first, last, options);
    // The server writes one batch while the next one is made here.
    await writing;
    progress.report(first);
    writing = writeBatch(client, rows);
    writing.catch(() => undefined);
  }
  await writing;
  progress.report(to);
  progress.end();
}

async function run(database: ScriptDatabase, { users, seed, yes: agreed }: Wanted): Promise<void> {
  await prepareSchema(database);
  const { directClient } = await import('../src/database/connection-options.js');
  const client = directClient(database.settings, { application_name: 'meetinity-seed' });
  await client.connect();
  try {
    const seeded = await countSeeded(client, seed);
    if (seeded >= users) {
      console.log(`seed ${seed} has ${seeded} users already: nothing to do`);
      return;
    }
    await confirmOthers(client, seeded, agreed);
    if (seeded > 0) console.log(`seed ${seed} has ${seeded} users already: going on from there`);
    await seedUsers(client, database.settings, seeded, users, seed);
    // Statistics for the planner, the visibility map for index-only scans, and the search index's pending entries.
    console.log('vacuum and analyze …');
    await client.query('VACUUM (ANALYZE) users, user_identities, user_preferences, user_sessions');
    console.log(`${users - seeded} users added. No events were written: consumers do not receive seeded users.`);
    console.log(`password of those who have one: ${SEED_PASSWORD}`);
  } finally {
    await client.end();
  }
}

await runCommand('seed', async () => {
  const wanted = readArguments(COMMAND);
  const database = await openDatabase();
  try {
    if (database.settings.production && !(wanted.yes && process.env.SEED_PRODUCTION === 'yes'))
      throw new UsageError('NODE_ENV is production: needs --yes and SEED_PRODUCTION=yes');
    await run(database, wanted);
  } finally {
    await database.close();
  }
});
