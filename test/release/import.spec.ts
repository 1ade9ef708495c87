import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { TestApp, testValues } from '../support/app.js';
import { auditOf, eventsOf, passwordResetBy } from '../support/accounts.js';
import { oddRows, OLD_TABLES, writeSqlite } from '../support/old-service.js';
import { ScratchDatabases } from '../support/scratch-database.js';
import { runHosted, runScript, type ScriptResult } from '../support/scripts.js';
import { until } from '../support/until.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-import-spec-'));
const scratch = new ScratchDatabases();
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(async () => {
  await scratch.drop();
  await service.stopAndDrop();
  rmSync(folder, { recursive: true });
});

const fileOf = (name: string) => path.join(folder, name);
const importFrom = (from: string, ...more: string[]) => runHosted('import', ['--from', from, ...more]);
const userOf = async (email: string) => (await service.sql('SELECT * FROM users WHERE email = $1', [email]))[0]!;
const everything = () =>
  service.sql(`SELECT (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM users t) AS users,
    (SELECT string_agg(t::text, '|' ORDER BY t::text) FROM legacy_ids t) AS ids,
    (SELECT count(*)::int FROM outbox_events) AS events, (SELECT count(*)::int FROM audit_logs) AS audit`);

describe.each(['sqlite', 'postgres'])('the data of the old service in %s', (kind) => {
  const prefix = kind === 'sqlite' ? 's' : 'p';
  const source = ['--source', kind];
  let from: string;
  let dry: ScriptResult;
  let real: ScriptResult;
  let wroteInDryRun: boolean;
  let report: string;

  beforeAll(async () => {
    const statements = [...OLD_TABLES, ...oddRows(prefix)];
    from = fileOf('odd.db');
    if (kind === 'sqlite') writeSqlite(from, statements);
    else {
      from = await scratch.create();
      const client = new Client({ connectionString: from });
      await client.connect();
      await client.query(statements.join(';\n'));
      await client.end();
    }
    const before = await everything();
    dry = await importFrom(from, ...source, '--dry-run');
    wroteInDryRun = JSON.stringify(before) !== JSON.stringify(await everything());
    real = await runScript('import', ['--from', from, ...source, '--map', fileOf(`${kind}.csv`)]);
    report = real.stdout;
  }, 120_000);

  it('is reported alike by a dry run, which writes nothing', () => {
    expect([dry.code, real.code, wroteInDryRun]).toEqual([0, 0, false]);
    expect(real.stdout).toBe(dry.stdout);
    expect(real.stderr).toContain('8 rows: 5 imported (4 with changes), 0 unchanged, 1 erased, 2 refused');
  });

  it('becomes users with UUIDs, events and audit entries', async () => {
    const user = await userOf(`${prefix}1@example.com`);
    expect(user).toMatchObject({ name: `${prefix}1`, role: 'user', is_active: true, is_verified: false });
    expect(user.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab]/);
    expect([user.created_at, user.last_login]).toEqual([
      new Date('2024-05-06T07:08:09.123Z'),
      new Date('2025-01-01T00:00:00Z'),
    ]);
    expect(await eventsOf(service, user.id)).toEqual([['user.created', `${prefix}1@example.com`]]);
    expect(await auditOf(service, user.id)).toEqual([
      { action: 'user.imported', after: { source: kind, legacy_id: '1' } },
    ]);
  });

  it('keeps profile, preferences and identities, as far as they fit', async () => {
    const user = await userOf(`${prefix}2@example.com`);
    expect(user).toMatchObject({
      name: 'Grace',
      job_title: 'Engineer',
      company: 'Acme',
      location: 'Bern',
      industry: 'x'.repeat(100),
      linkedin_url: 'https://www.linkedin.com/in/grace',
      profile_picture_url: 'https://pictures.example/p.jpg',
      oauth_provider: 'google',
      is_verified: true,
      password_hash: null,
    });
    const [preferences] = await service.sql('SELECT * FROM user_preferences WHERE user_id = $1', [user.id]);
    expect(preferences).toMatchObject({
      age_min: 30,
      age_max: 65,
      location_radius: 50,
      interests: ['AI', 'Go'],
      notification_email: false,
      privacy_profile: 'private',
      privacy_location: false,
    });
    const [details] = await service.sql('SELECT skills FROM user_profile_details WHERE user_id = $1', [user.id]);
    expect(details).toEqual({ skills: ['SQL'] });
    const identities = await service.sql(
      'SELECT provider, provider_user_id FROM user_identities WHERE user_id = $1 ORDER BY 1',
      [user.id],
    );
    expect(identities).toEqual([
      { provider: 'google', provider_user_id: `${prefix}-same` },
      { provider: 'linkedin', provider_user_id: `${prefix}-li` },
    ]);
    expect(await service.sql('SELECT FROM user_sessions WHERE user_id = $1', [user.id])).toEqual([]);
  });

  it('is reported where a row was refused, skipped or changed', async () => {
    expect(report.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^1,1,imported,name made from the address$/),
      expect.stringMatching(/^2,2,imported,.*industry shortened.*location_radius left out/),
      expect.stringMatching(/^3,3,imported,identity at google left out: another account has it$/),
      '4,4,erased,was erased in the old service',
      '5,5,refused,email belongs to another account',
      '6,6,refused,email is no address that an account may have',
      expect.stringMatching(/^8,8,imported,.*picture left out.*linkedin_url left out.*profile made private.*facebook/),
    ]);
    expect(report).not.toContain('@');
    expect((await userOf(`${prefix}7@example.com`)).is_active).toBe(false);
    const map = readFileSync(fileOf(`${kind}.csv`), 'utf8')
      .trim()
      .split('\n');
    expect(map).toHaveLength(7);
    expect(map).toContain(`2,${(await userOf(`${prefix}2@example.com`)).id},imported`);
  });

  it('changes nothing by a second run, and does not bring back an erased user', async () => {
    const before = await everything();
    const again = await importFrom(from, ...source);
    expect(again.stderr).toContain('0 imported (0 with changes), 5 unchanged, 1 erased, 2 refused');
    expect(await everything()).toEqual(before);

    const email = `${prefix}3@example.com`;
    await passwordResetBy(service, email, 'correct horse battery');
    const { body } = await service.post('/auth/login', { email, password: 'correct horse battery' });
    const password = { password: 'correct horse battery' };
    expect((await service.delete('/users/profile', body.access_token, password)).status).toBe(204);
    const [row] = await service.sql(`SELECT * FROM legacy_ids WHERE source = $1 AND legacy_id = '3'`, [kind]);
    expect(row).toMatchObject({ user_id: body.user.id, erased_at: expect.any(Date) });
    const third = await importFrom(from, ...source);
    expect(third.stdout).toContain('3,3,erased,was erased before');
    expect(await userOf(email)).toBeUndefined();
  }, 60_000);
});

describe('a file of users', () => {
  const PASSWORD = 'correct hörse battery';
  const DJANGO = 'pbkdf2_sha256$1000$saltysalt$yI8CiLENYd8ww85PNM0ZTMeRI9LAd9cmQF7ynw+G20I=';
  const PHP = '$2y$04$RjMp9l06yyn6iMwRHibPoOwqcMz44g7xGkOfruFgW0rg6dUs1dqYm';

  it('signs in with a foreign hash, which the sign-in rewrites', async () => {
    const csv = `\ufeffid,email,name,password_hash,bio,phone\r\na,django@example.com,"Doe, ""Ann""",${DJANGO},"two\nlines",+14155552671\r\nb,php@example.com,Bob,${PHP},,\r\nc,md5@example.com,Cleo,5f4dcc3b5aa765d61d8327deb882cf99,,\r\nd,short\r\n`;
    writeFileSync(fileOf('users.csv'), csv);
    const { stdout, stderr } = await importFrom(fileOf('users.csv'), '--source', 'csv');
    expect(stderr).toContain('4 rows: 3 imported (1 with changes), 0 unchanged, 0 erased, 1 refused');
    expect(stdout).toContain('3,c,imported,password_hash left out');
    expect(stdout).toContain('4,,refused,has 2 fields instead of 6');
    for (const email of ['django@example.com', 'php@example.com']) {
      expect((await userOf(email)).password_hash).toMatch(/^imported:/);
      const wrong = await service.post('/auth/login', { email, password: 'correct horse battery' });
      expect([wrong.status, wrong.body.error.type]).toEqual([401, 'invalid_credentials']);
      expect((await service.post('/auth/login', { email, password: PASSWORD })).status).toBe(200);
      // After the answer, where a processor is idle.
      await until(async () => !(await userOf(email)).password_hash.startsWith('imported:'));
      expect((await service.post('/auth/login', { email, password: PASSWORD })).status).toBe(200);
    }
    const { body } = await service.post('/auth/login', { email: 'django@example.com', password: PASSWORD });
    expect(body.user).toMatchObject({ name: 'Doe, "Ann"', bio: 'two\nlines', phone: '+14155552671', role: 'user' });
    expect((await userOf('django@example.com')).phone).not.toContain('4155552671');
    const closed = await service.post('/auth/login', { email: 'md5@example.com', password: PASSWORD });
    expect(closed.status).toBe(401);
  }, 60_000);

  it('may be JSON Lines, with lists, and without ids', async () => {
    const lines = [
      JSON.stringify({
        email: 'json@example.com',
        name: 'Json',
        interests: ['AI'],
        email_verified: true,
        role: 'admin',
      }),
      '{"email":',
      JSON.stringify({ id: 'x', name: 'No address' }),
      JSON.stringify({ email: 'JSON@example.com', name: 'Twice' }),
    ];
    writeFileSync(fileOf('users.jsonl'), lines.join('\n'));
    const { stdout, stderr } = await importFrom(fileOf('users.jsonl'), '--source', 'json');
    expect(stderr).toContain('4 rows: 1 imported (0 with changes), 0 unchanged, 0 erased, 3 refused');
    expect(stdout).toMatch(/^2,,refused,is no JSON object$/m);
    expect(stdout).toMatch(/^3,x,refused,email is missing$/m);
    const user = await userOf('json@example.com');
    expect(user).toMatchObject({ role: 'user', is_verified: true });
    const again = await importFrom(fileOf('users.jsonl'), '--source', 'json');
    expect(again.stderr).toContain('0 imported (0 with changes), 1 unchanged');
  }, 60_000);

  it('does not bring back an erased user without an id after a rotation of ENCRYPTION_KEYS', async () => {
    const emails = ['erased@example.com', 'stays@example.com'];
    writeFileSync(fileOf('rotated.jsonl'), emails.map((email) => JSON.stringify({ email, name: 'Ada' })).join('\n'));
    await importFrom(fileOf('rotated.jsonl'), '--source', 'rotated');
    const erase = ['erase', emails[0]!, '--reason', 'asked for it', '--yes'];
    expect((await runHosted('user', erase)).code).toBe(0);
    const { ENCRYPTION_KEYS } = testValues({});
    const variables = { ENCRYPTION_KEYS: `k2:${Buffer.alloc(32, 'new').toString('base64')},${ENCRYPTION_KEYS}` };
    const args = ['--from', fileOf('rotated.jsonl'), '--source', 'rotated'];
    expect((await runHosted('import', args, { variables })).stderr).toContain(
      '0 imported (0 with changes), 1 unchanged, 1 erased, 0 refused',
    );
  }, 60_000);

  it('leaves an address to the user who can still get it back', async () => {
    const { id } = await service.member();
    await service.sql(`INSERT INTO former_emails (email, user_id) VALUES ('reserved@example.com', $1)`, [id]);
    writeFileSync(fileOf('reserved.csv'), 'id,email,name\n1,reserved@example.com,Eve\n');
    const { stdout } = await importFrom(fileOf('reserved.csv'), '--source', 'reserved');
    expect(stdout).toContain('1,1,refused,email belongs to another account');
    expect(await userOf('reserved@example.com')).toBeUndefined();
  }, 60_000);

  it.each([
    ['nothing.db', 2, 'there is no file'],
    ['text.txt', 2, 'is no SQLite, .csv or .jsonl file'],
  ])('is refused where it is none: %s', async (name, code, reason) => {
    writeFileSync(fileOf('text.txt'), 'just a text that goes on');
    expect(await importFrom(fileOf(name))).toMatchObject({ code, stderr: expect.stringContaining(reason) });
  });

  it.each([
    ['mysql://root:hunter2@db/old', 2, /^import: --from must be a file, or a URL/],
    ['postgresql://root:hunter2%@db/old', 1, /^import: --from must have the special characters/],
    ['postgresql://root:hunter2@127.0.0.1:1/old', 1, /^import: PostgreSQL \(--from, 127\.0\.0\.1:1\): /],
  ])('is refused without its password, as --from: %s', async (from, code, reason) => {
    const refused = await importFrom(from);
    expect(refused).toMatchObject({ code, stderr: expect.stringMatching(reason) });
    expect(refused.stderr).not.toContain('hunter2');
  });
});
