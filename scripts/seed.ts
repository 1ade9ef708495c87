import { parseArgs } from 'node:util';
import bcrypt from 'bcrypt';
import { Client } from 'pg';
import { migrate, pendingMigrations } from '../src/config/migrate.js';
import type { Settings } from '../src/config/settings.js';
import { FieldCipher } from '../src/crypto/field-cipher.js';
import { openDatabase, type ScriptDatabase } from './lib/database.js';
import { copyInto } from './seed/copy.js';
import { addPerson, personId, type Rows, SEED_PASSWORD, type SeedOptions, TARGETS } from './seed/people.js';
import { startProgress } from './seed/progress.js';

const USAGE = `usage: npm run seed -- --users N [--seed S] [--force]
  --users   how many the database shall have of this seed; a second run goes on where the first one ended
  --seed    another number makes other people (default 1)
  --force   even if the database holds users that this seed did not make
            (with NODE_ENV=production also set SEED_PRODUCTION=yes)`;

const BATCH = 5000;
const MAX_USERS = 20_000_000;

function readArguments() {
  const { values } = parseArgs({
    options: { users: { type: 'string' }, seed: { type: 'string', default: '1' }, force: { type: 'boolean' } },
  });
  const [users, seed] = [Number(values.users), Number(values.seed)];
  if (!Number.isInteger(users) || users < 1 || users > MAX_USERS || !Number.isInteger(seed) || seed < 0)
    throw new Error(USAGE);
  return { users, seed, force: values.force === true };
}

/** People are added in order, a batch a transaction, so those that are there come first: found by halving. */
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

async function refuseOthers(client: Client, seeded: number): Promise<void> {
  // Stops counting at the first one too many.
  const { rows } = await client.query('SELECT count(*)::int AS count FROM (SELECT FROM users LIMIT $1) u', [
    seeded + 1,
  ]);
  if (rows[0].count > seeded)
    throw new Error('the database holds users that this seed did not make; --force adds to them');
}

async function prepareSchema({ dataSource, settings }: ScriptDatabase): Promise<void> {
  if (settings.migrateOnStart) await migrate(dataSource, console.error);
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
    passwordHash: await bcrypt.hash(SEED_PASSWORD, settings.bcryptCost),
    cipher: new FieldCipher(settings.encryptionKeys),
  };
  // A crash may lose the last batches, never half of one; the next run adds them again.
  await client.query('SET synchronous_commit = off');
  const progress = startProgress(from, to);
  let writing = Promise.resolve();
  for (let first = from; first < to; first += BATCH) {
    const last = Math.min(first + BATCH, to);
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

async function run(database: ScriptDatabase, { users, seed, force }: ReturnType<typeof readArguments>): Promise<void> {
  await prepareSchema(database);
  const client = new Client({ connectionString: database.url, application_name: 'meetinity-seed' });
  await client.connect();
  try {
    const seeded = await countSeeded(client, seed);
    if (seeded >= users) {
      console.log(`seed ${seed} has ${seeded} users already: nothing to do`);
      return;
    }
    if (!force) await refuseOthers(client, seeded);
    if (seeded > 0) console.log(`seed ${seed} has ${seeded} users already: going on from there`);
    await seedUsers(client, database.settings, seeded, users, seed);
    // Statistics for the planner, the visibility map for index-only scans, and the search index's pending entries.
    console.log('vacuum and analyze …');
    await client.query('VACUUM (ANALYZE) users, user_identities, user_preferences, user_sessions');
    console.log(`${users - seeded} users added. No events were written: consumers do not learn of seeded users.`);
    console.log(`password of those who have one: ${SEED_PASSWORD}`);
  } finally {
    await client.end();
  }
}

try {
  const wanted = readArguments();
  const database = await openDatabase();
  try {
    if (database.settings.production && !(wanted.force && process.env.SEED_PRODUCTION === 'yes'))
      throw new Error('NODE_ENV is production: needs --force and SEED_PRODUCTION=yes');
    await run(database, wanted);
  } finally {
    await database.close();
  }
} catch (error) {
  console.error(error instanceof Error ? `seed: ${error.message}` : error);
  process.exitCode = 1;
}
