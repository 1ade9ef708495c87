import bcrypt from 'bcrypt';
import type { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { migrate, migrateDatabase, revertLast } from '../../src/database/migrator.js';
import { TestApp } from '../support/app.js';
import { dropWorkerDatabase } from '../support/environment.js';
import { mailTo } from '../support/mailbox.js';
import { OidcProvider, person } from '../support/oidc-provider.js';
import { ScratchDatabases, testSettings } from '../support/scratch-database.js';
import { login } from '../support/sign-ins.js';
import { until } from '../support/until.js';

const scratch = new ScratchDatabases();
const PASSWORD = 'correct horse battery';
const BEFORE = migrations.findIndex(({ name }) => name.startsWith('OneSpellingPerMailbox'));

/** What was kept before, and what it is afterwards; null where it stays. */
const ADDRESSES: [former: string, email: string | null][] = [
  ['plain@example.com', null],
  ['hyphens@ab--c.org', null],
  ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
  ['bob@xn--bcher-kva.example', null],
  // Two of one mailbox: one of them has the spelling already.
  ['eve@bücher.example', null],
  ['eve@xn--bcher-kva.example', null],
  // Three of one mailbox, of which one was confirmed.
  ['kim@exam\u00adple.com', null],
  ['kim@exam\u200bple.com', 'kim@example.com'],
  ['kim@examp\u2060le.com', null],
  ['stop@exam\u3002ple.com', 'stop@exam.ple.com'],
  ['rené@example.com', null],
  ['un\u200bseen@example.com', null],
  ['odd@xn--a.example', null],
  ['number@example.123', null],
  ['nodomain@localhost', null],
];
const CONFIRMED = 'kim@exam\u200bple.com';
const finalOf = ([former, email]: (typeof ADDRESSES)[number]) => email ?? former;

let oidc: OidcProvider;
let url: string;
let dataSource: DataSource;
let service: TestApp;
const lines: string[] = [];

beforeAll(async () => {
  url = await scratch.create();
  dataSource = await scratch.connect(url);
  await migrateDatabase(testSettings(url), migrations.slice(0, BEFORE));
  await dataSource.query(
    `INSERT INTO users (email, name, password_hash, is_verified, email_verified_at, created_at)
     SELECT email, 'Rene\u0301e', $2, email = $3, CASE WHEN email = $3 THEN now() END, now() - n * interval '1 hour'
       FROM unnest($1::text[]) WITH ORDINALITY AS a(email, n)`,
    [ADDRESSES.map(([former]) => former), await bcrypt.hash(PASSWORD, 4), CONFIRMED],
  );
  await dataSource.query(
    `INSERT INTO users (email, name) SELECT 'many' || n || '@größe.example', 'Many' FROM generate_series(1, 1200) n`,
  );
  await migrateDatabase(testSettings(url), migrations, { log: (line) => lines.push(line) });
  oidc = await OidcProvider.start();
  service = await TestApp.start({ DATABASE_URL: url, ...oidc.values });
}, 60_000);
afterAll(async () => {
  await service.stop();
  await oidc.stop();
  await scratch.drop();
  await dropWorkerDatabase();
});

const rows = () =>
  dataSource.query<{ email: string; email_legacy: string | null; name: string }[]>(
    `SELECT email, email_legacy, name FROM users WHERE name <> 'Many' AND email <> 'new@example.com' ORDER BY created_at DESC`,
  );

it('normalizes existing names', async () => {
  expect(new Set((await rows()).map(({ name }) => name))).toEqual(new Set(['Renée']));
});

describe('the spellings of addresses', () => {
  it('become canonical if that is free, for verified accounts first, and stay otherwise', async () => {
    const isFine = (email: string) => /^[a-z]+@(example\.com|ab--c\.org|xn--bcher-kva\.example)$/.test(email);
    expect((await rows()).map(({ email, email_legacy }) => [email, email_legacy])).toEqual(
      ADDRESSES.map((pair) => [finalOf(pair), isFine(pair[0]) ? null : pair[0]]),
    );
    const many = `SELECT count(*)::int AS count FROM users WHERE email LIKE 'many%@xn--gre-6ka8i.example'`;
    expect(await dataSource.query(many)).toEqual([{ count: 1200 }]);
  });

  it('are reported by their number and a query to find them, without the addresses', () => {
    expect(lines).toContainEqual(
      expect.stringMatching(/1203 rewritten .* 8 kept .* SELECT id, email, email_legacy FROM users/),
    );
    expect(lines.join()).not.toMatch(/bücher|rené/);
  });

  it('are mailed to their owners', async () => {
    const told = `SELECT count(*)::int AS count FROM outbox_events WHERE payload = '{"updated_fields": ["email"]}'`;
    expect(await dataSource.query(told)).toEqual([{ count: 1203 }]);
  });

  it('sign in to the same account as before, and new ones to theirs', async () => {
    for (const pair of ADDRESSES) {
      const [former] = pair;
      // These come from elsewhere: the service itself never took them for addresses.
      if (/@(localhost|example\.123)$/.test(former)) continue;
      const byFormer = await login(service, former, PASSWORD);
      expect([former, byFormer.status, byFormer.body.user?.email]).toEqual([former, 200, finalOf(pair)]);
    }
    expect((await login(service, 'kim@example.com', PASSWORD)).body.user.email).toBe('kim@example.com');
    expect((await login(service, 'ADA@BÜCHER.example', PASSWORD)).body.user.email).toBe('ada@xn--bcher-kva.example');
  });

  it('are found by a password reset', async () => {
    for (const email of ['rené@example.com', 'eve@bücher.example'])
      expect((await service.post('/auth/password/forgot', { email })).status).toBe(202);
    expect((await mailTo('rené@example.com', 'password_reset')).text).toContain('http');
    const asked = `SELECT u.email FROM users u JOIN one_time_tokens t ON t.user_id = u.id
      WHERE purpose = 'password_reset' AND u.email LIKE 'eve%'`;
    const found = await until(async () => (await dataSource.query<unknown[]>(asked))[0]);
    expect(found).toEqual({ email: 'eve@bücher.example' });
  });

  it('are part of the export', async () => {
    const { body } = await login(service, 'ada@bücher.example', PASSWORD);
    const file = await service.get('/users/profile/export', body.access_token);
    expect(JSON.parse(file.text)).toMatchObject({ profile: { email_legacy: 'ada@bücher.example' } });
  });

  it('are found by a provider, which creates no account with an invalid one', async () => {
    const signIn = async (email: string) => {
      oidc.signedInAs(person({ email, name: 'Renée' }));
      const { body } = await service.post('/auth/google');
      const { searchParams } = await oidc.authorize(body.auth_url);
      return service.post('/auth/google/callback', Object.fromEntries(searchParams));
    };
    expect((await signIn('rené@example.com')).body.user?.email).toBe('rené@example.com');
    expect((await signIn('ada@bücher.example')).body.user?.email).toBe('ada@xn--bcher-kva.example');
    for (const email of ['rena\u0301@example.com', 'un\u200bknown@example.com', 'kim@ex\u00adample.com'])
      expect([email, (await signIn(email)).body.error?.type]).toEqual([email, 'provider_email_unverified']);
  });

  it('of older accounts stay taken for new ones', async () => {
    for (const email of ['ada@bücher.example', 'kim@example.com', 'eve@bücher.example'])
      expect((await service.post('/auth/register', { email, name: 'New', password: PASSWORD })).body.error.type).toBe(
        'email_taken',
      );
  });
});

it('restores every address on the way down', async () => {
  for (let left = migrations.length; left > BEFORE; left--) await revertLast(dataSource);
  const found = await dataSource.query<{ email: string }[]>(
    `SELECT email FROM users WHERE name <> 'Many' AND email <> 'new@example.com' ORDER BY created_at DESC`,
  );
  expect(found.map(({ email }) => email)).toEqual(ADDRESSES.map(([former]) => former));
  await migrate(dataSource);
  expect((await rows()).map(({ email }) => email)).toEqual(ADDRESSES.map(finalOf));
}, 60_000);
