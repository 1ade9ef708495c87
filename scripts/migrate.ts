import { spawnSync } from 'node:child_process';
import { createSearchIndex } from '../migrations/search-index.js';
import { migrate, pendingMigrations, revertLast } from '../src/config/migrate.js';
import { openDatabase, type ScriptDatabase } from './lib/database.js';

const USAGE = `usage: migrate run | revert | down-all | check | generate <Name> | search
  run       what is pending
  revert    takes back the last one, with its data
  down-all  takes back all of them, with all data
  check     exit code 1 if one is pending, or if entities and schema differ
  generate  writes migrations/<time>-<Name>.ts from what the entities say and the schema does not
  search    builds the search index, after pg_trgm has become available`;

const commands: Record<string, (database: ScriptDatabase) => Promise<boolean>> = {
  async run({ dataSource }) {
    const done = await migrate(dataSource, console.log);
    console.log(done.length > 0 ? `migrated: ${done.join(', ')}` : 'nothing to migrate');
    return true;
  },
  async revert({ dataSource }) {
    const name = await revertLast(dataSource, console.log);
    console.log(name ? `reverted: ${name}` : 'nothing to revert');
    return true;
  },
  async 'down-all'({ dataSource }) {
    for (let name = await revertLast(dataSource); name; name = await revertLast(dataSource))
      console.log(`reverted: ${name}`);
    return true;
  },
  async check({ dataSource }) {
    const pending = await pendingMigrations(dataSource);
    if (pending.length > 0) console.log(`pending: ${pending.join(', ')}`);
    // Differences are those TypeORM sees (columns, defaults, names); test/schema.spec.ts compares definitions too.
    // TypeORM reads the schema with several queries at once on one client; pg warns that its next major refuses that.
    process.noDeprecation = true;
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    for (const { query } of upQueries) console.log(`difference: ${query}`);
    const clean = pending.length === 0 && upQueries.length === 0;
    if (clean) console.log('migrated, and the entities say the same as the schema');
    return clean;
  },
  async generate({ dataSource, url }) {
    const name = process.argv[3];
    if (!name || !/^[A-Z][A-Za-z0-9]*$/.test(name)) throw new Error('a name is needed, such as AddNickname');
    const pending = await pendingMigrations(dataSource);
    if (pending.length > 0) throw new Error(`run these first: ${pending.join(', ')}`);
    const loader = ['--import', '@swc-node/register/esm-register', 'node_modules/typeorm/cli.js'];
    const args = [...loader, 'migration:generate', '-d', 'ormconfig.ts', `migrations/${name}`];
    const env = { ...process.env, DATABASE_URL: url, DATABASE_DIRECT_URL: url };
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
    if (status === 0) console.log('add the class to migrations/index.ts');
    return status === 0;
  },
  async search({ dataSource }) {
    const runner = dataSource.createQueryRunner();
    try {
      await runner.query('SET statement_timeout = 0');
      const built = await createSearchIndex(runner);
      console.log(built ? 'idx_users_search is there' : 'pg_trgm cannot be created here by this role');
      return built;
    } finally {
      await runner.release();
    }
  },
};

const command = commands[process.argv[2] ?? ''];
if (!command) {
  console.error(USAGE);
  process.exit(2);
}
try {
  const database = await openDatabase();
  try {
    if (!(await command(database))) process.exitCode = 1;
  } finally {
    await database.close();
  }
} catch (error) {
  console.error(`migrate: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
