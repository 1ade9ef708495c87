import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { migrations } from '../../migrations/index.js';
import { migrateDatabase } from '../../src/database/migrator.js';
import { readSettings } from '../../src/config/settings.js';
import { TestApp, testValues, uniqueEmail } from '../support/app.js';
import { dropWorkerDatabase } from '../support/environment.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { runScript } from '../support/scripts.js';
import { startService } from '../support/service-process.js';
import { until } from '../support/until.js';

const scratch = new ScratchDatabases();
const suffix = `${process.pid}_${randomBytes(3).toString('hex')}`;
const OWNER = `owner_${suffix}`;
const RUNTIME = `Runtime "${suffix}`;
const PASSWORD = 'päss/wörd:@1';
let addresses: { DATABASE_OWNER_URL: string; DATABASE_URL: string };
let service: TestApp;

const settings = () => readSettings(testValues(addresses));
const prepare = () => migrateDatabase(settings(), migrations);
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function as(url: string, role: string, password = PASSWORD): string {
  const address = new URL(url);
  [address.username, address.password] = [encodeURIComponent(role), encodeURIComponent(password)];
  return address.href;
}

async function asRole<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}
const asRuntime = <T>(work: (client: Client) => Promise<T>) => asRole(addresses.DATABASE_URL, work);

const rights = () =>
  asRole(addresses.DATABASE_OWNER_URL, async (client) => {
    const { rows } = await client.query(
      `SELECT relname, relacl::text, xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`,
    );
    return rows as { relname: string; relacl: string; xmin: string }[];
  });

beforeAll(async () => {
  const url = await scratch.create();
  const name = new URL(url).pathname.slice(1);
  await scratch.admin(
    `CREATE ROLE ${OWNER} LOGIN CREATEROLE PASSWORD '${PASSWORD}'`,
    `ALTER DATABASE ${name} OWNER TO ${OWNER}`,
  );
  addresses = { DATABASE_OWNER_URL: as(url, OWNER), DATABASE_URL: as(url, RUNTIME) };
  await prepare();
  service = await TestApp.start(addresses);
}, 60_000);
afterAll(async () => {
  await service?.stop();
  await scratch.drop();
  await scratch.admin(`DROP ROLE IF EXISTS ${quoted(RUNTIME)}`, `DROP ROLE IF EXISTS ${OWNER}`);
  await dropWorkerDatabase();
});

describe('the role that the service runs under', () => {
  it('is created by the first migration, and owns nothing', async () => {
    const { rows } = await asRuntime((client) =>
      client.query(
        `SELECT (SELECT count(*)::int FROM pg_class WHERE pg_has_role(relowner, 'MEMBER')) AS tables,
                (SELECT count(*)::int FROM pg_proc WHERE pg_has_role(proowner, 'MEMBER')) AS functions,
                has_schema_privilege('public', 'CREATE') AS creates, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls
           FROM pg_roles WHERE rolname = current_user`,
      ),
    );
    const none = { creates: false, rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false };
    expect(rows).toEqual([{ tables: 0, functions: 0, ...none }]);
  });

  it('is sufficient for an account from registration to erasure', async () => {
    expect((await service.get('/health/ready')).status).toBe(200);
    const member = await service.member();
    expect((await service.put('/users/profile', { bio: 'new' }, member.access)).status).toBe(200);
    expect((await service.put('/users/preferences', { age_min: 30 }, member.access)).status).toBe(200);
    const change = { current_password: member.password, new_password: 'another horse battery' };
    expect((await service.post('/auth/password/change', change, member.access)).status).toBe(204);
    const again = await service.post('/auth/login', { email: member.email, password: change.new_password });
    expect((await service.post('/auth/refresh', { refresh_token: again.body.refresh_token })).status).toBe(200);
    expect((await service.get('/users/profile/export', again.body.access_token)).status).toBe(200);
    const erased = await service.delete('/users/profile', again.body.access_token, { password: change.new_password });
    expect(erased.status).toBe(204);
    const entries = await service.sql(
      `SELECT action, num_nonnulls(reason, ip_address, request_id, before, after) AS left FROM audit_logs WHERE target_id = $1`,
      [member.id],
    );
    expect(entries.map(({ action }) => action)).toContain('user.deleted');
    expect(entries.filter(({ left }) => left > 0)).toEqual([]);
  });

  const CHANGE = [
    `UPDATE audit_logs SET reason = NULL`,
    `UPDATE audit_logs SET ip_address = NULL WHERE false`,
    `DELETE FROM audit_logs`,
    `TRUNCATE audit_logs`,
    `ALTER TABLE audit_logs DISABLE TRIGGER ALL`,
    `ALTER TABLE audit_logs ADD COLUMN x int`,
    `DROP TABLE audit_logs`,
    `DROP TRIGGER audit_logs_refuse_row ON audit_logs`,
    `CREATE OR REPLACE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
    `CREATE TABLE own (id int)`,
    `CREATE TRIGGER own BEFORE INSERT ON audit_logs FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only()`,
    `SET session_replication_role = replica`,
    `DELETE FROM migrations`,
    `INSERT INTO migrations (timestamp, name) VALUES (1, 'x')`,
    `TRUNCATE users`,
  ];

  it.each(CHANGE)('may not %s', async (statement) => {
    await expect(asRuntime((client) => client.query(statement))).rejects.toMatchObject({ code: '42501' });
  });

  it('may not change an entry by the setting of earlier versions', async () => {
    const attempt = asRuntime(async (client) => {
      await client.query(`SET meetinity.redact_audit = 'on'`);
      await client.query('UPDATE audit_logs SET reason = NULL');
    });
    await expect(attempt).rejects.toMatchObject({ code: '42501' });
  });

  it('may not redact entries of an account that exists or was not erased', async () => {
    const { id } = await service.member();
    const redact = `SELECT audit_logs_redact($1, 'target', 'infinity', 9223372036854775807, 250)`;
    for (const person of [id, '00000000-0000-4000-8000-000000000009'])
      await expect(asRuntime((client) => client.query(redact, [person]))).rejects.toMatchObject({ code: '23001' });
    // What an erasure records is not enough while the account is there.
    await service.sql(`INSERT INTO audit_logs (target_id, action) VALUES ($1, 'user.deleted')`, [id]);
    await expect(asRuntime((client) => client.query(redact, [id]))).rejects.toMatchObject({ code: '23001' });
  });
});

describe('migrations as the owner', () => {
  it('change no rights that are correct', async () => {
    const before = await rights();
    await prepare();
    expect(await rights()).toEqual(before);
  });

  it('revoke surplus rights and grant missing ones', async () => {
    const before = (await rights()).map(({ relname, relacl }) => ({ relname, relacl }));
    await asRole(addresses.DATABASE_OWNER_URL, async (client) => {
      await client.query(`GRANT UPDATE, TRUNCATE ON audit_logs TO ${quoted(RUNTIME)}`);
      await client.query(`REVOKE INSERT ON users FROM ${quoted(RUNTIME)}`);
    });
    await prepare();
    expect((await rights()).map(({ relname, relacl }) => ({ relname, relacl }))).toEqual(before);
  });

  it.each([
    ['a superuser', `ALTER ROLE ${quoted(RUNTIME)} SUPERUSER`, `ALTER ROLE ${quoted(RUNTIME)} NOSUPERUSER`],
    ['a member of the owner', `GRANT ${OWNER} TO ${quoted(RUNTIME)}`, `REVOKE ${OWNER} FROM ${quoted(RUNTIME)}`],
  ])('refuse a role of the service that is %s', async (_, make, undo) => {
    await scratch.admin(make);
    await expect(prepare()).rejects.toThrow(/^DATABASE_URL must name a role without rights/);
    await scratch.admin(undo);
    await prepare();
  });

  it('use the same role as the commands', async () => {
    expect(await runScript('migrate', ['check'], { variables: addresses })).toMatchObject({ code: 0 });
    const created = await runScript('admin-create', ['--email', uniqueEmail()], { variables: addresses });
    expect(created).toMatchObject({ code: 0, stdout: expect.stringContaining('is an administrator') });
    expect(await runScript('migrate', ['revert', '--yes'], { variables: addresses })).toMatchObject({ code: 0 });
    expect(await runScript('migrate', ['run'], { variables: addresses })).toMatchObject({ code: 0 });
    expect((await service.get('/health/ready')).status).toBe(200);
  }, 60_000);
});

describe('production', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-roles-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function warnings(values: Record<string, string>): Promise<string[]> {
    const file = path.join(folder, randomBytes(4).toString('hex'));
    const production = { NODE_ENV: 'production', BCRYPT_COST: '10', PUBLIC_BASE_URL: 'https://api.example' };
    const secret = { JWT_SECRET: randomBytes(48).toString('base64') };
    const env = testValues({ ...production, ...secret, LOG_FILE: file, APP_HOST: '127.0.0.1', ...values });
    const child = startService(env, 'ignore');
    const log = () => readFileSync(file, { encoding: 'utf8', flag: 'a+' });
    await until(() => child.exitCode !== null || log().includes('Ready'), 30_000);
    child.kill('SIGKILL');
    return log()
      .split('\n')
      .filter((line) => line.includes('DATABASE_OWNER_URL'));
  }

  it('warns once at start if the role of the service owns the audit log', async () => {
    const { DATABASE_OWNER_URL: owner, DATABASE_URL } = addresses;
    const without = { DATABASE_URL, MIGRATE_ON_START: 'false' };
    const starts = [warnings({ DATABASE_URL: owner }), warnings(addresses), warnings(without)];
    expect((await Promise.all(starts)).map(({ length }) => length)).toEqual([1, 0, 0]);
  }, 90_000);
});
