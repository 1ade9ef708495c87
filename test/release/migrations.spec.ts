import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { migrate, migrateDatabase, pendingMigrations, revertLast } from '../../src/database/migrator.js';
import { readCatalog } from '../support/catalog.js';
import { dropWorkerDatabase } from '../support/environment.js';
import { ScratchDatabases, testSettings } from '../support/scratch-database.js';

const scratch = new ScratchDatabases();
const ROLE = `limited_${process.pid}`;

afterAll(async () => {
  await scratch.drop();
  await scratch.admin(`DROP ROLE IF EXISTS ${ROLE}`);
  await dropWorkerDatabase();
});

async function emptyDatabase(): Promise<{ url: string; dataSource: DataSource }> {
  const url = await scratch.create();
  return { url, dataSource: await scratch.connect(url) };
}

async function revertTo(dataSource: DataSource, count: number): Promise<void> {
  for (let left = migrations.length; left > count; left--) await revertLast(dataSource);
}

/** The schema as pg_dump prints it, where it is at hand and not older than the server; else nothing. */
function pgDump(url: string): string | null {
  const { status, stdout } = spawnSync('pg_dump', ['--schema-only', '--no-owner', url], { encoding: 'utf8' });
  // pg_dump brackets its output with a random word since 15.14.
  return status === 0 ? stdout.replace(/^\\(un)?restrict .*$/gm, '') : null;
}

async function fill(dataSource: DataSource): Promise<void> {
  await dataSource.query(`
    WITH u AS (
      INSERT INTO users (email, name, oauth_provider, oauth_id)
      SELECT 'u' || n || '@example.com', 'Same Name', 'google', n FROM generate_series(1, 200) n RETURNING id
    ), i AS (
      INSERT INTO user_identities (user_id, provider, provider_user_id) SELECT id, 'google', id FROM u
    ), p AS (
      INSERT INTO user_preferences (user_id) SELECT id FROM u
    ), s AS (
      INSERT INTO user_sessions (user_id, refresh_token, expires_at) SELECT id, id, now() FROM u
    ), t AS (
      INSERT INTO one_time_tokens (user_id, purpose, token_hash, expires_at) SELECT id, 'password_reset', id, now() FROM u
    ), o AS (
      INSERT INTO outbox_events (user_id, event_type) SELECT id, 'user.created' FROM u
    )
    INSERT INTO audit_logs (target_id, action) SELECT id, 'user.created' FROM u`);
}

async function countUsers(dataSource: DataSource): Promise<number> {
  const [row] = await dataSource.query<{ count: number }[]>('SELECT count(*)::int FROM users');
  return row!.count;
}

describe('migrations', () => {
  it.each([
    ['an empty', false],
    ['a filled', true],
  ])('run up, down and up again on %s database, to the same schema', async (_name, filled) => {
    const { url, dataSource } = await emptyDatabase();
    const bare = await readCatalog(dataSource);
    expect(await migrate(dataSource)).toHaveLength(migrations.length);
    const [first, firstDump] = [await readCatalog(dataSource), pgDump(url)];
    if (filled) await fill(dataSource);
    await revertTo(dataSource, 0);
    expect(await readCatalog(dataSource)).toEqual(bare);
    expect(await revertLast(dataSource)).toBeNull();
    await migrate(dataSource);
    expect(await readCatalog(dataSource)).toEqual(first);
    expect(pgDump(url)).toBe(firstDump);
  });

  it('keep the rows when only indexes change', async () => {
    const { dataSource } = await emptyDatabase();
    await migrate(dataSource);
    const before = await readCatalog(dataSource);
    await fill(dataSource);
    await revertTo(dataSource, 2);
    await migrate(dataSource);
    expect(await readCatalog(dataSource)).toEqual(before);
    expect(await countUsers(dataSource)).toBe(200);
  });

  it('mark a password as proven if a reset or the operator proves it', async () => {
    const { dataSource } = await emptyDatabase();
    await migrate(dataSource);
    await revertTo(
      dataSource,
      migrations.findIndex(({ name }) => name.startsWith('PasswordProof')),
    );
    await dataSource.query(`
      WITH u AS (
        INSERT INTO users (email, name, password_hash, is_verified, email_verified_at)
        SELECT name || '@example.com', name, CASE WHEN name <> 'evicted' THEN 'a hash' END, true, now()
          FROM unnest(ARRAY['reset', 'evicted', 'created', 'promoted', 'confirmed']) AS name RETURNING id, name
      ), t AS (
        INSERT INTO one_time_tokens (user_id, purpose, token_hash, expires_at, used_at)
        SELECT id, 'email_verification', name || used, now() + interval '1 day', CASE WHEN used THEN now() END
          FROM u, unnest(ARRAY[true, false]) AS used
      )
      INSERT INTO audit_logs (target_id, actor_id, action, after)
      SELECT id, CASE WHEN name IN ('created', 'promoted') THEN NULL ELSE id END,
             CASE name WHEN 'created' THEN 'user.registered' WHEN 'promoted' THEN 'user.role_changed'
                       WHEN 'confirmed' THEN 'email.verified' ELSE 'password.reset' END, '{"role": "admin"}' FROM u`);
    await migrate(dataSource);
    const proven = 'SELECT name FROM users WHERE password_proven_at IS NOT NULL ORDER BY name';
    expect(await dataSource.query(proven)).toEqual([{ name: 'created' }, { name: 'reset' }]);
    // Of a used token from before it is not known whether it was used or ended by another.
    expect(await dataSource.query('SELECT FROM one_time_tokens WHERE used_at IS NOT NULL')).toEqual([]);
    expect(await dataSource.query('SELECT count(*)::int FROM one_time_tokens')).toEqual([{ count: 5 }]);
  });

  it('run once when four instances start at the same time', async () => {
    const url = await scratch.create();
    const sources = await Promise.all([1, 2, 3, 4].map(() => scratch.connect(url)));
    const done = await Promise.all(sources.map((dataSource) => migrate(dataSource)));
    expect(done.flat()).toHaveLength(migrations.length);
    expect(await pendingMigrations(sources[0]!)).toEqual([]);
    expect(await sources[0]!.query(`SELECT count(*)::int FROM migrations`)).toEqual([{ count: migrations.length }]);
  });

  it('list pending migrations, on an empty database too', async () => {
    const { url, dataSource } = await emptyDatabase();
    expect(await pendingMigrations(dataSource)).toHaveLength(migrations.length);
    const lines: string[] = [];
    await migrateDatabase(testSettings(url), migrations, { log: (line) => lines.push(line) });
    expect(lines).toEqual(migrations.map(({ name }) => `migration ${name} done`));
    expect(await pendingMigrations(dataSource)).toEqual([]);
  });

  it('replace an invalid index that a failed build left behind', async () => {
    const { dataSource } = await emptyDatabase();
    await migrate(dataSource);
    const whole = await readCatalog(dataSource);
    await revertTo(dataSource, 2);
    await fill(dataSource);
    const failing = dataSource.query('CREATE UNIQUE INDEX CONCURRENTLY idx_users_name ON users (name)');
    await expect(failing).rejects.toThrow('could not create unique index');
    expect((await readCatalog(dataSource)).indexes.idx_users_name).toContain('INVALID');
    await migrate(dataSource);
    expect(await readCatalog(dataSource)).toEqual(whole);
  });

  it('do not block writes to the outbox while they wait to change its indexes', async () => {
    const { url, dataSource } = await emptyDatabase();
    await migrate(dataSource);
    const whole = await readCatalog(dataSource);
    await revertTo(
      dataSource,
      migrations.findIndex(({ name }) => name.startsWith('LeanOutbox')),
    );
    await fill(dataSource);
    const event = `INSERT INTO outbox_events (user_id, event_type) SELECT id, 'user.updated' FROM users`;
    const writer = dataSource.createQueryRunner();
    await writer.startTransaction();
    await writer.query(event);
    const migrating = migrate(await scratch.connect(url));
    const waits = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query LIKE 'CREATE INDEX%outbox%'`;
    while ((await dataSource.query<unknown[]>(waits)).length === 0) await sleep(20);
    try {
      await dataSource.transaction(async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = '1s'`);
        await tx.query(event);
      });
    } finally {
      await writer.commitTransaction();
      await writer.release();
      await migrating;
    }
    expect(await readCatalog(dataSource)).toEqual(whole);
  });

  it('continue after being killed while building an index', async () => {
    const { url, dataSource } = await emptyDatabase();
    await migrate(dataSource);
    const whole = await readCatalog(dataSource);
    await revertTo(dataSource, 2);
    const writer = dataSource.createQueryRunner();
    await writer.startTransaction();
    await writer.query(`INSERT INTO users (email, name) VALUES ('open@example.com', 'Open')`);
    const failure = migrate(await scratch.connect(url)).catch((error: Error) => error.message);
    const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX CONCURRENTLY%'`;
    while ((await dataSource.query<unknown[]>(kill)).length === 0) await sleep(20);
    expect(await failure).toContain('terminating connection');
    await writer.commitTransaction();
    await writer.release();
    expect(Object.values((await readCatalog(dataSource)).indexes).join()).toContain('INVALID');
    await migrate(dataSource);
    expect(await readCatalog(dataSource)).toEqual(whole);
  });
});

describe('without pg_trgm', () => {
  it('migrate, warn, search, and build the index once the extension is available', async () => {
    const admin = await emptyDatabase();
    const [{ name }] = (await admin.dataSource.query('SELECT current_database() AS name')) as [{ name: string }];
    await scratch.admin(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'limited'`);
    // No CREATE on the database: the role may make tables but no extension.
    await admin.dataSource.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${ROLE}`);
    await scratch.admin(`GRANT CONNECT ON DATABASE ${name} TO ${ROLE}`);
    const url = new URL(admin.url);
    [url.username, url.password] = [ROLE, 'limited'];

    const lines: string[] = [];
    await migrateDatabase(testSettings(url.href), migrations, { log: (line) => lines.push(line) });
    expect(lines).toContainEqual(expect.stringContaining('user search goes without pg_trgm: permission denied'));
    const limited = await scratch.connect(url.href);
    expect((await readCatalog(limited)).indexes).not.toHaveProperty('idx_users_search');
    await fill(limited);
    const search = `SELECT count(*)::int FROM users WHERE users_search_text(name, email, company) LIKE '%u19_@ex%'`;
    expect(await limited.query(search)).toEqual([{ count: 10 }]);

    await admin.dataSource.query('CREATE EXTENSION pg_trgm');
    await revertTo(limited, 3);
    await migrate(limited);
    expect((await readCatalog(limited)).indexes).toHaveProperty('idx_users_search');
    // The extension was there before this run of the migration, so it stays.
    await revertTo(limited, 0);
    expect(Object.keys((await readCatalog(limited)).extensions)).toContain('pg_trgm');
  });
});
