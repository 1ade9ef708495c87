import { spawnSync } from 'node:child_process';
import { createSearchIndex } from '../migrations/search-index.js';
import { chooseCommand, operand, readArguments, textOption, yes } from './lib/arguments.js';
import { confirm, runCommand } from './lib/command.js';
import { configuredDatabase, openDatabase, type ScriptDatabase } from './lib/database.js';

const migrator = () => import('../src/database/migrator.js');
const call = (name: string) => `node scripts/run.mjs migrate ${name}`;

const commands = {
  run: { does: 'runs pending migrations', call: call('run'), options: {} },
  revert: { does: 'reverts the last migration and deletes its data', call: call('revert'), options: { yes } },
  'down-all': { does: 'reverts all migrations and deletes all data', call: call('down-all'), options: { yes } },
  check: {
    does: 'exit code 1 if a migration is pending, or if entities and schema differ',
    call: call('check'),
    options: {},
  },
  generate: {
    does: 'writes migrations/<time>-<Name>.ts with the differences between entities and schema',
    call: call('generate'),
    options: {
      name: operand(
        textOption('NAME', 'in CamelCase, such as AddNickname', (name) => /^[A-Z][A-Za-z0-9]*$/.test(name)),
      ),
    },
  },
  search: {
    does: 'builds the search index, after pg_trgm has become available',
    call: call('search'),
    options: {},
  },
};

async function run({ dataSource, settings }: ScriptDatabase): Promise<boolean> {
  const done = await (await migrator()).prepareDatabase(dataSource, settings, console.log);
  console.log(done.length > 0 ? `migrated: ${done.join(', ')}` : 'nothing to migrate');
  return true;
}

async function revert({ dataSource }: ScriptDatabase): Promise<boolean> {
  const { revertLast } = await migrator();
  const name = await revertLast(dataSource, console.log);
  console.log(name ? `reverted: ${name}` : 'nothing to revert');
  return true;
}

async function downAll({ dataSource }: ScriptDatabase): Promise<boolean> {
  const { revertLast } = await migrator();
  for (let name = await revertLast(dataSource); name; name = await revertLast(dataSource))
    console.log(`reverted: ${name}`);
  return true;
}

async function check({ dataSource }: ScriptDatabase): Promise<boolean> {
  const pending = await (await migrator()).pendingMigrations(dataSource);
  if (pending.length > 0) console.log(`pending: ${pending.join(', ')}`);
  // Differences are those TypeORM sees (columns, defaults, names); test/schema.spec.ts compares definitions too.
  // TypeORM reads the schema with several queries at once on one client; pg warns that its next major refuses that.
  process.noDeprecation = true;
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  for (const { query } of upQueries) console.log(`difference: ${query}`);
  const clean = pending.length === 0 && upQueries.length === 0;
  if (clean) console.log('migrated, and the entities say the same as the schema');
  return clean;
}

async function generate({ dataSource, url }: ScriptDatabase, name: string): Promise<boolean> {
  const pending = await (await migrator()).pendingMigrations(dataSource);
  if (pending.length > 0) throw new Error(`run these first: ${pending.join(', ')}`);
  const loader = ['--import', '@swc-node/register/esm-register', 'node_modules/typeorm/cli.js'];
  const args = [...loader, 'migration:generate', '-d', 'ormconfig.ts', `migrations/${name}`];
  const env = { ...process.env, DATABASE_OWNER_URL: url };
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
  if (status === 0) console.log('add the class to migrations/index.ts');
  return status === 0;
}

async function buildSearchIndex({ dataSource }: ScriptDatabase): Promise<boolean> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query('SET statement_timeout = 0');
    const built = await createSearchIndex(runner);
    console.log(built ? 'idx_users_search is there' : 'pg_trgm cannot be created here by this role');
    return built;
  } finally {
    await runner.release();
  }
}

/** Checks the arguments, asks before data is deleted, and returns the work to do. */
async function prepare(): Promise<(database: ScriptDatabase) => Promise<boolean>> {
  const { name, args } = chooseCommand('node scripts/run.mjs migrate', commands);
  if (name === 'revert') {
    const agreed = readArguments(commands.revert, args).yes;
    await confirm(agreed, 'This reverts the last migration and deletes its data.', configuredDatabase);
    return revert;
  }
  if (name === 'down-all') {
    const agreed = readArguments(commands['down-all'], args).yes;
    await confirm(agreed, 'This reverts all migrations and deletes all data.', configuredDatabase);
    return downAll;
  }
  if (name === 'generate') {
    const given = readArguments(commands.generate, args);
    return (database) => generate(database, given.name);
  }
  readArguments(commands[name], args);
  return { run, check, search: buildSearchIndex }[name];
}

await runCommand('migrate', async () => {
  const work = await prepare();
  const database = await openDatabase();
  try {
    return (await work(database)) ? 0 : 1;
  } finally {
    await database.close();
  }
});
