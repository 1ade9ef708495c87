import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { Answer, Member, TestApp, uniqueEmail } from './support/app.js';
import { Browser } from './support/browser.js';
import { describeWith, dropWorkerDatabase, workerRedisUrl } from './support/environment.js';
import { mailedToken } from './support/mailbox.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { sessionOf } from './support/sessions.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

const APP = 'https://app.example/signed-in';
const NEXT = 'another horse battery';

let oidc: OidcProvider;

beforeAll(async () => {
  oidc = await OidcProvider.start();
});
afterAll(async () => {
  await dropWorkerDatabase();
  await oidc.stop();
});

describe('every way in', () => {
  let here: TestApp;

  beforeAll(async () => {
    here = await TestApp.start({ ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: APP });
  });
  afterAll(() => here.stop());

  const email = uniqueEmail();
  const password = 'correct horse battery';

  async function inApp(): Promise<Answer> {
    oidc.signedInAs(person());
    const { body } = await here.post('/auth/linkedin');
    const { searchParams } = await oidc.authorize(body.auth_url);
    return here.post(
      '/auth/linkedin/callback',
      Object.fromEntries(['code', 'state'].map((n) => [n, searchParams.get(n)])),
    );
  }

  async function byExchange(): Promise<Answer> {
    const { headers } = await new Browser(here).signIn('google', oidc, person(), APP);
    return here.post('/auth/oauth/exchange', { code: new URL(String(headers.location)).searchParams.get('code') });
  }

  it.each<[string, () => Promise<Answer>]>([
    ['registration', () => here.post('/auth/register', { email, name: 'Ada', password })],
    ['sign-in', () => here.post('/auth/login', { email, password })],
    ['refresh', async () => here.post('/auth/refresh', { refresh_token: (await here.member()).refresh })],
    ['the way back from a provider', () => new Browser(here).signIn('google', oidc, person())],
    ['the way back of an app', inApp],
    ['an exchanged code', byExchange],
  ])('%s returns tokens of the same shape, valid for their session', async (_, enter) => {
    const { status, body, headers } = await enter();
    expect(Math.trunc(status / 100)).toBe(2);
    expect(headers['cache-control']).toBe('private, no-store');
    const { access_token: access, refresh_token: refresh, user, mfa_required = false, ...rest } = body;
    expect(mfa_required).toBe(false);
    const times = { expires_in: 86_400, refresh_expires_in: 30 * 86_400 };
    expect(rest).toEqual({ token: access, token_type: 'Bearer', ...times });
    const profile = await here.get('/users/profile', access);
    expect([profile.status, profile.body]).toEqual([200, user]);
    expect((await here.post('/auth/refresh', { refresh_token: refresh })).status).toBe(200);
  });
});

describeWith('redis', 'every way out', () => {
  let redis: Redis;
  let proxy: TcpProxy;
  let here: TestApp;
  let there: TestApp;

  beforeAll(async () => {
    const url = await workerRedisUrl();
    redis = new Redis(url);
    proxy = await TcpProxy.before(url);
    const values = { ...oidc.values, REDIS_URL: proxy.url };
    here = await TestApp.start(values);
    there = await TestApp.start(values);
  });
  afterEach(async () => {
    proxy.restore();
    await until(() => [here, there].every(({ app }) => app.get(CircuitBreaker).available));
  });
  afterAll(async () => {
    await there.stop();
    await here.stop();
    redis.disconnect();
    await proxy.stop();
  });

  async function asAdmin(act: (token: string) => Promise<Answer>): Promise<Answer> {
    return act((await here.memberWithRole('admin')).access);
  }

  const ENDS: [string, (member: Member) => Promise<Answer>][] = [
    ['logout', ({ access }) => here.post('/auth/logout', undefined, access)],
    ['logout everywhere', ({ access }) => here.post('/auth/logout', { all: true }, access)],
    ['the end of that device', ({ access }) => here.delete(`/users/sessions/${sessionOf(access)}`, access)],
    [
      'the end of the other devices',
      (member) => fromAnotherDevice(member, (token) => here.delete('/users/sessions', token)),
    ],
    ['a password reset', reset],
    ['a password change elsewhere', (member) => fromAnotherDevice(member, (token) => change(member, token))],
    ['a reused refresh token', reuse],
    ['a role change', roleChange],
    ['deactivation', ({ id }) => asAdmin((token) => put(`/admin/users/${id}/status`, { is_active: false }, token))],
    ['an administrator', ({ id }) => asAdmin((token) => here.post(`/admin/users/${id}/sessions/revoke`, {}, token))],
    ['erasure', (member) => here.delete('/users/profile', member.access, { password: member.password })],
    [
      'the provider account of the owner',
      (member) => new Browser(here).signIn('google', oidc, person({ email: member.email })),
    ],
  ];

  async function roleChange({ id }: Member): Promise<Answer> {
    await here.sql(
      'UPDATE users SET is_verified = true, email_verified_at = now(), password_proven_at = now() WHERE id = $1',
      [id],
    );
    return asAdmin((token) => put(`/admin/users/${id}/role`, { role: 'moderator' }, token));
  }
  const put = (url: string, body: object, token: string) => here.put(url, { ...body, reason: 'for the spec' }, token);
  const change = (member: Member, token: string) =>
    here.post('/auth/password/change', { current_password: member.password, new_password: NEXT }, token);

  async function fromAnotherDevice(member: Member, act: (token: string) => Promise<Answer>): Promise<Answer> {
    const { body } = await here.post('/auth/login', { email: member.email, password: member.password });
    return act(body.access_token);
  }

  async function reset(member: Member): Promise<Answer> {
    await here.post('/auth/password/forgot', { email: member.email });
    return here.post('/auth/password/reset', {
      token: await mailedToken(member.email, 'password_reset'),
      password: NEXT,
    });
  }

  async function reuse({ refresh }: Member): Promise<Answer> {
    const { body } = await here.post('/auth/refresh', { refresh_token: refresh });
    await here.post('/auth/refresh', { refresh_token: body.refresh_token });
    return here.post('/auth/refresh', { refresh_token: refresh });
  }

  const LOSSES: [string, () => unknown][] = [
    ['with Redis', () => undefined],
    ['with Redis flushed', () => redis.flushdb()],
    ['without Redis', () => proxy.cut()],
  ];

  describe.each(LOSSES)('%s, on the next request and on every instance,', (_, lose) => {
    it.each(ENDS)('%s ends the tokens', async (_name, end) => {
      const member = await here.member();
      // Remembered in Redis, and so in danger of being believed.
      const seen = async (app: TestApp) => (await app.get('/users/profile', member.access)).status === 200;
      await until(
        async () =>
          (await seen(here)) && (await seen(there)) && (await redis.exists(`session:${sessionOf(member.access)}`)),
      );
      await lose();
      const { status } = await end(member);
      expect([200, 204, 401]).toContain(status);
      for (const app of [there, here]) {
        const answer = await app.get('/users/profile', member.access);
        expect([answer.status, answer.body.error?.type]).toEqual([401, 'unauthenticated']);
        expect((await app.post('/auth/refresh', { refresh_token: member.refresh })).status).toBe(401);
      }
    });
  });
});
