import { type Answer, type Member, TestApp } from '../support/app.js';
import { workerDatabase } from '../support/environment.js';
import { makeReadOnly, makeWritable, runWritable } from '../support/read-only.js';
import { until } from '../support/until.js';

const TOKEN = 'x'.repeat(43);
const UNAVAILABLE = [503, 'database_unavailable'];

/** Bodies and paths with which a route comes as far as the database. */
const BODIES: Record<string, unknown> = {
  'POST /auth/email/verify': { token: TOKEN },
  'POST /auth/password/reset': { token: TOKEN, password: 'another correct battery' },
};

let url: string;
let service: TestApp;
let member: Member;
let admin: Member;
let before: Map<string, number>;

interface Route {
  name: string;
  ask: () => Promise<Answer>;
}

/** Every documented route, asked as an administrator about a member. */
async function routes(method: 'get' | 'others'): Promise<Route[]> {
  const { paths } = (await service.get('/docs-json')).body as { paths: Record<string, Record<string, unknown>> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((verb) => (verb === 'get') === (method === 'get'))
      .map((verb) => {
        const name = `${verb.toUpperCase()} ${path}`;
        const target = path
          .replace('{provider}', 'google')
          .replace('{filename}', `${member.id}.jpg`)
          .replaceAll(/\{\w+\}/g, member.id);
        const request = { token: admin.access, body: BODIES[name] ?? (verb === 'get' ? undefined : {}) };
        return { name, ask: () => service.request(verb.toUpperCase() as 'GET', target, request) };
      }),
  );
}

async function statusesOfReads(): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  for (const { name, ask } of await routes('get')) statuses.set(name, (await ask()).status);
  return statuses;
}

beforeAll(async () => {
  url = await workerDatabase();
  service = await TestApp.start();
  [member, admin] = [await service.member(), await service.memberWithRole('admin')];
  before = await statusesOfReads();
  await makeReadOnly(url);
});
afterAll(() => service.stopAndDrop());

describe('while PostgreSQL is read-only', () => {
  it('answers reads', async () => {
    // The pool finds out first that its connections have ended.
    await until(async () => (await service.get('/users/profile', member.access)).status === 200);
    const during = await statusesOfReads();
    // An export is audited, and so is a change.
    before.set('GET /users/profile/export', 503);
    before.set('GET /admin/users/{id}/export', 503);
    before.set('GET /users/export', 503);
    expect(Object.fromEntries(during)).toEqual(Object.fromEntries(before));
  });

  it('keeps connections on reads of sessions not used for long', async () => {
    await runWritable(url, `UPDATE user_sessions SET last_used = now() - interval '1 hour'`);
    const backends = async () =>
      (await service.sql(`SELECT pid FROM pg_stat_activity WHERE datname = current_database()`)).map(({ pid }) => pid);
    const earlier = await backends();
    for (let n = 0; n < 15; n += 1) expect((await service.get('/users/profile', member.access)).status).toBe(200);
    expect(await backends()).toEqual(expect.arrayContaining(earlier));
  });

  it('answers every change with 503', async () => {
    const { email, password, access, refresh } = member;
    const as = (token: string) => ({ token, remoteAddress: '127.0.0.1' });
    const calls: Record<string, () => Promise<Answer>> = {
      register: () =>
        service.post('/auth/register', { email: 'new@example.com', name: 'New', password: 'correct horse' }),
      'log in': () => service.post('/auth/login', { email, password }),
      'ask for a new password': () => service.post('/auth/password/forgot', { email }),
      'ask for another confirmation link': () => service.post('/auth/email/resend', { email }),
      refresh: () => service.post('/auth/refresh', { refresh_token: refresh }),
      'log out': () => service.post('/auth/logout', {}, access),
      'change the password': () =>
        service.post('/auth/password/change', { current_password: password, new_password: 'another horse' }, access),
      'change the profile': () => service.put('/users/profile', { bio: 'new' }, access),
      'change the preferences': () => service.put('/users/preferences', { age_min: 21 }, access),
      'end a session': () => service.delete('/users/sessions', access),
      'delete the account': () => service.request('DELETE', '/users/profile', { ...as(access), body: { password } }),
      'give a role': () => service.put(`/admin/users/${member.id}/role`, { role: 'moderator' }, admin.access),
      'disable an account': () =>
        service.put(`/admin/users/${member.id}/status`, { is_active: false, reason: 'spec' }, admin.access),
    };
    const found: Record<string, unknown> = {};
    for (const [name, call] of Object.entries(calls)) {
      const { status, body } = await call();
      found[name] = [status, body?.error?.type];
    }
    expect(found).toEqual(Object.fromEntries(Object.keys(calls).map((name) => [name, UNAVAILABLE])));
  });

  it('answers no route with 500', async () => {
    const lost: string[] = [];
    for (const { name, ask } of [...(await routes('get')), ...(await routes('others'))]) {
      const { status, body } = await ask();
      if (status === 500 || (status === 503 && body.error.type !== 'database_unavailable'))
        lost.push(`${name}: ${status}`);
    }
    expect(lost).toEqual([]);
  });

  it('reports degraded and stays ready', async () => {
    await until(async () => (await service.get('/health')).body.dependencies.database === 'read_only');
    const { status, body } = await service.get('/health');
    expect([status, body.status]).toEqual([200, 'degraded']);
    expect((await service.get('/ready')).status).toBe(200);
  });
});

describe('when PostgreSQL accepts writes again', () => {
  it('renews connections opened during the outage, idle ones too', async () => {
    // All of the pool, each with the default of the time it was made at.
    await Promise.all(Array.from({ length: 10 }, () => service.sql('SELECT pg_sleep(0.2)')));
    await makeWritable(url);
    const change = () => service.put('/users/profile', { bio: `${performance.now()}` }, member.access);
    await until(async () => (await change()).status === 200);
    await until(
      async () => (await service.sql('SHOW default_transaction_read_only'))[0]!.default_transaction_read_only === 'off',
    );
    const answers = await Promise.all(Array.from({ length: 30 }, change));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await until(async () => (await service.get('/health')).body.status === 'ok');
  });
});
