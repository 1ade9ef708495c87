import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { readSettings } from '../../src/config/settings.js';
import { createPool, directClient, poolOptions } from '../../src/database/connection-options.js';
import { migrateDatabase, pendingMigrations } from '../../src/database/migrator.js';
import { waitForDatabase } from '../../src/database/wait-for-database.js';
import { LeaderLock } from '../../src/events/leader-lock.js';
import { testValues } from '../support/app.js';
import { OwnPostgres } from '../support/postgres-server.js';
import { refusal } from '../support/settings.js';
import { type Standby, startStandby } from '../support/standby.js';
import { until } from '../support/until.js';

/** One address with the hosts of both, in that order. */
function addressOf(...urls: string[]): string {
  const { username, password, pathname } = new URL(urls[0]!);
  const hosts = urls.map((url) => new URL(url).host).join(',');
  return `postgresql://${username}:${password}@${hosts}${pathname}?target_session_attrs=read-write`;
}

const settingsOf = (url: string) => readSettings(testValues({ DATABASE_URL: url }));
const PORT = `SELECT current_setting('port')::int AS port`;

describe('a PostgreSQL with a standby', () => {
  let primary: OwnPostgres;
  let standby: Standby;
  let urls: { primaryFirst: string; standbyFirst: string };
  const ports = { primary: 0, standby: 0 };

  beforeAll(async () => {
    primary = await OwnPostgres.start({ fsync: 'off' });
    standby = await startStandby(primary.url);
    ports.primary = Number(new URL(primary.url).port);
    ports.standby = Number(new URL(standby.url).port);
    urls = {
      primaryFirst: addressOf(primary.url, standby.url),
      standbyFirst: addressOf(standby.url, primary.url),
    };
  });
  afterAll(async () => {
    await standby.stop();
    await primary.stop();
  });

  it.each(['primaryFirst', 'standbyFirst'] as const)('connects everything to the primary: %s', async (order) => {
    const settings = settingsOf(urls[order]);
    await waitForDatabase(settings, () => undefined);
    const pool = createPool(settings, 2);
    const client = directClient(settings, {});
    const dataSource = new DataSource({ ...poolOptions(settings), migrations });
    const lock = await LeaderLock.connect(settings, () => undefined);
    try {
      await client.connect();
      await dataSource.initialize();
      const found = [
        ...(await Promise.all([pool.query(PORT), pool.query(PORT)])).map(({ rows }) => rows[0].port),
        (await client.query(PORT)).rows[0].port,
        (await dataSource.query(PORT))[0].port,
        (await lock.query<{ port: number }>(PORT))[0]!.port,
      ];
      expect(found).toEqual(Array(5).fill(ports.primary));
      await expect(lock.tryAcquire()).resolves.toBe(true);
    } finally {
      await Promise.all([pool.end(), client.end(), dataSource.destroy(), lock.close()]);
    }
  });

  it('cancels a statement at the server that runs it, behind a pooler too', async () => {
    const settings = settingsOf(urls.standbyFirst);
    settings.database = { ...settings.database, directUrl: primary.url, statementTimeoutMs: 200 };
    const pool = createPool(settings, 1);
    const client = await pool.connect();
    await expect(client.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
    client.release();
    await pool.end();
  });

  it('names each server and its fault', async () => {
    const refused = new URL(standby.url);
    refused.port = '1';
    const pool = createPool(settingsOf(addressOf(standby.url, refused.href)), 1);
    const { port } = new URL(standby.url);
    await expect(pool.query('SELECT 1')).rejects.toThrow(
      new RegExp(
        `^PostgreSQL \\(DATABASE_URL, 127.0.0.1:${port},127.0.0.1:1\\): ` +
          `127.0.0.1:${port} it is read-only; 127.0.0.1:1 connect ECONNREFUSED`,
      ),
    );
    await pool.end();
  });

  it('does not ask the next server about a wrong password', async () => {
    const url = new URL(primary.url);
    url.password = 'wrong';
    const pool = createPool(settingsOf(addressOf(url.href, standby.url)), 1);
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({
      code: '28P01',
      message: expect.stringMatching(/password authentication failed for user "meetinity"$/),
    });
    await pool.end();
  });

  it('follows the promotion of the standby, and keeps what was committed', async () => {
    const settings = settingsOf(urls.primaryFirst);
    await migrateDatabase(settings, migrations);
    const dataSource = new DataSource({ ...poolOptions(settings), migrations });
    await dataSource.initialize();
    const client = directClient(settings, {});
    await client.connect();
    const lost = new Promise((resolve) => client.once('error', resolve).on('error', () => undefined));
    const pool = createPool(settings, 1);
    pool.on('error', () => undefined);
    try {
      await standby.makeSynchronous();
      await dataSource.query('CREATE TABLE kept AS SELECT 1 AS n');
      await pool.query('SELECT 1');
      await primary.kill();
      await lost;
      await until(() => pool.totalCount === 0);
      await expect(pool.query('INSERT INTO kept VALUES (2)')).rejects.toThrow(
        /: .* connect ECONNREFUSED .*; .* it is read-only$/,
      );
      await standby.promote();
      await pool.query('INSERT INTO kept VALUES (2)');
      // A broken connection is still in the pool until it is asked.
      const rows = await dataSource.query('SELECT n FROM kept ORDER BY n');
      expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
      await expect(pendingMigrations(dataSource)).resolves.toEqual([]);
      const again = directClient(settings, {});
      await again.connect();
      expect((await again.query(PORT)).rows[0].port).toBe(ports.standby);
      await again.end();
    } finally {
      await Promise.all([pool.end(), dataSource.destroy(), client.end().catch(() => undefined)]);
    }
  });
});

describe('an address with several hosts', () => {
  const read = (url: string, name = 'DATABASE_URL') => refusal({ DATABASE_URL: 'postgresql://one/db', [name]: url });

  it.each([
    ['postgresql://u:p@one,two/db', 'DATABASE_URL', /DATABASE_URL must have target_session_attrs=read-write/],
    [
      'postgresql://u:p@one,two/db',
      'DATABASE_OWNER_URL',
      /DATABASE_OWNER_URL must have target_session_attrs=read-write/,
    ],
    ['postgresql://one/db?target_session_attrs=standby', 'DATABASE_URL', /must have a target_session_attrs of any or/],
    ['postgresql:///db?host=one,two,three&port=1,2', 'DATABASE_URL', /must have one port .*, or one for each host/],
    ['postgresql://one:5432,two:99999/db', 'DATABASE_URL', /must have one port from 1 to 65535/],
    ['postgresql:///db?host=one,/run&target_session_attrs=read-write', 'DATABASE_URL', /must name each host/],
    ['postgresql://one:x,two/db', 'DATABASE_URL', /DATABASE_URL must be a URL/],
  ])('is refused: %s of %s', (url, name, message) => {
    expect(read(url, name)).toMatch(message);
  });

  it.each([
    'postgresql+asyncpg://u:p,q@one:5432,two:5433/db?target_session_attrs=read-write',
    'postgres:///db?host=one,two&port=5432,5433&target_session_attrs=read-write&user=u',
    'postgres://[::1]:5432,[::2]/db?target_session_attrs=read-write',
  ])('is accepted: %s', (url) => {
    expect(() => settingsOf(url)).not.toThrow();
  });

  it('needs no attribute for a read replica', () => {
    const values = testValues({ DATABASE_URL: 'postgresql://one/db', DATABASE_REPLICA_URL: 'postgresql://one,two/db' });
    expect(() => readSettings(values)).not.toThrow();
  });
});
