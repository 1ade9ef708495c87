import { freePorts } from '../scripts/services/tools.js';
import { type Member, TestApp } from './support/app.js';
import { Gateway } from './support/gateway.js';
import { OidcProvider, person } from './support/oidc-provider.js';

const CLIENT = { 'x-client-version': '1.4.0', 'x-client-platform': 'web' };
const TABS = [1, 2, 3, 4, 5];

let oidc: OidcProvider;
let service: TestApp;
let direct: string;
let gateway: Gateway;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  const [port] = await freePorts(0);
  service = await TestApp.start({
    ...oidc.values,
    OAUTH_GOOGLE_REDIRECT_URI: 'https://app.example/auth/callback?provider=google',
    OAUTH_START: 'page',
    PUBLIC_BASE_URL: 'https://accounts.example',
    TRUST_PROXY_HOPS: '1',
  });
  await service.app.listen(port!, '127.0.0.1');
  direct = `http://127.0.0.1:${port}`;
  gateway = await Gateway.before(direct, service.settings.jwt.secret);
});
afterAll(async () => {
  await gateway.stop();
  await service.stopAndDrop();
  await oidc.stop();
});
beforeEach(() => {
  gateway.now += 60_000;
  gateway.forwarded.length = 0;
});
afterEach(() => {
  // Nothing that these flows do may count as a failure of the service, or one user's cookie reach another.
  if (gateway.failures > 0 || gateway.sentCookies.length > 0) throw new Error('failures, or cookies of another user');
});

async function call(method: string, path: string, { token, body, base = gateway.url, headers = {} }: Call = {}) {
  const answer = await fetch(base + path, {
    method,
    headers: {
      ...CLIENT,
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const json = answer.headers.get('content-type')?.startsWith('application/json') && text !== '';
  return { status: answer.status, body: json ? JSON.parse(text) : text } as { status: number; body: any };
}

interface Call {
  token?: string;
  body?: unknown;
  base?: string;
  headers?: Record<string, string>;
}

const refreshFromTabs = (refresh_token: string, path: string, base?: string) =>
  Promise.all(TABS.map(() => call('POST', path, { body: { refresh_token }, base })));

async function signIn() {
  const claims = person();
  oidc.signedInAs(claims);
  const { status, body } = await call('POST', '/api/auth/google');
  expect([status, typeof body.auth_url]).toEqual([200, 'string']);
  const back = await oidc.authorize(body.auth_url);
  expect(back.searchParams.get('provider')).toBe('google');
  const { code, state } = Object.fromEntries(back.searchParams);
  const tokens = await call('POST', '/api/auth/google/callback', { body: { code, state } });
  expect(tokens.status).toBe(200);
  const { token, refresh_token, expires_in } = tokens.body;
  expect([typeof token, typeof refresh_token, expires_in > 120]).toEqual(['string', 'string', true]);
  return { claims, token: token as string, refresh: refresh_token as string };
}

describe('the mobile app', () => {
  it('signs in, reads its profile, saves it, and refreshes from five tabs', async () => {
    const { claims, token, refresh } = await signIn();
    expect((await call('GET', '/api/auth/verify', { token })).body).toMatchObject({ valid: true });
    const { body: own } = await call('GET', '/api/auth/profile', { token });
    expect(own).toMatchObject({ id: expect.any(String), name: claims.name, email: claims.email });
    const profile = await call('GET', '/api/profile', { token });
    expect(profile.body).toMatchObject({ id: own.id, fullName: claims.name, headline: '', interests: [] });
    const preferences = await call('GET', '/api/profile/preferences', { token });
    expect(Object.keys(preferences.body).sort()).toEqual(
      ['discoveryRadiusKm', 'eventTypes', 'industries', 'interests'].sort(),
    );
    const saved = await call('PUT', '/api/profile', { token, body: { ...profile.body, headline: 'New' } });
    expect(saved).toMatchObject({ status: 200, body: { id: own.id, fullName: claims.name, headline: 'New' } });
    // An access token that is refreshed in the second of its sign-in is the same one, and the gateway cached its profile.
    gateway.now += 5000;

    // The app calls this address without the gateway's prefix; the ingress sends it to the service.
    expect((await call('POST', '/auth/refresh', { body: { refresh_token: refresh } })).status).toBe(404);
    const tabs = await refreshFromTabs(refresh, '/auth/refresh', direct);
    expect(tabs.map(({ status }) => status)).toEqual(TABS.map(() => 200));
    expect(new Set(tabs.map(({ body }) => body.refresh_token)).size).toBe(1);
    const again = await refreshFromTabs(tabs[0]!.body.refresh_token, '/api/auth/refresh');
    for (const { status, body } of again) {
      expect([status, typeof body.refresh_token, body.expires_in > 120]).toEqual([200, 'string', true]);
      expect((await call('GET', '/api/profile', { token: body.access_token })).body.headline).toBe('New');
    }
  });

  it('gets a state of its own at each start', async () => {
    const starts = await Promise.all(TABS.map(() => call('POST', '/api/auth/google')));
    expect(new Set(starts.map(({ body }) => new URL(body.auth_url).searchParams.get('state'))).size).toBe(5);
  });

  it('sees an old profile for five seconds after a change, and the new one in the answer to it', async () => {
    const { token } = await signIn();
    const headline = async () => (await call('GET', '/api/profile', { token })).body.headline;
    expect(await headline()).toBe('');
    const { body } = await call('PUT', '/api/profile', { token, body: { headline: 'New' } });
    expect([body.headline, await headline()]).toEqual(['New', '']);
    gateway.now += 5000;
    expect(await headline()).toBe('New');
  });

  it('stays signed in where the gateway repeats a refresh whose answer was lost', async () => {
    const { refresh } = await signIn();
    gateway.lostAnswers = 2;
    const { status, body } = await call('POST', '/api/auth/refresh', { body: { refresh_token: refresh } });
    expect([status, gateway.forwarded.filter((line) => line === 'POST /auth/refresh').length]).toEqual([200, 3]);
    const next = await call('POST', '/api/auth/refresh', { body: { refresh_token: body.refresh_token } });
    expect(next.status).toBe(200);
  });

  it('cannot make the gateway cut the service off with requests that fail', async () => {
    const nonsense: [string, string, unknown][] = [
      ['POST', '/api/auth/login', { email: 'x', password: 'y' }],
      ['POST', '/api/auth/login', 'text'],
      ['POST', '/api/auth/refresh', { refresh_token: '\u0000' }],
      ['POST', '/api/auth/google/callback', { code: 'x', state: 'y' }],
      ['POST', '/api/profile/avatar', { image: 'data:image/png;base64,AAAA' }],
      ['DELETE', '/api/auth/nothing', {}],
    ];
    for (const [method, path, body] of nonsense) {
      const { status } = await call(method, path, { body });
      expect([path, status >= 400 && status < 500]).toEqual([path, true]);
    }
    expect(gateway.forwarded).toHaveLength(nonsense.length);
  });
});

describe('a browser', () => {
  it('gets the page that starts a sign-in, not the page of the provider, and no cookie of another user', async () => {
    const html = { headers: { accept: 'text/html' } };
    const [one, two] = [
      await call('GET', '/api/auth/oauth/google', html),
      await call('GET', '/api/auth/oauth/google', html),
    ];
    expect([one.status, one.body]).toEqual([200, two.body]);
    expect(one.body).toContain('<form method="post">');
    const submitted = await call('POST', '/api/auth/oauth/google', {
      headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([submitted.status, submitted.body.includes(`${oidc.url}/authorize?`)]).toEqual([200, true]);
    // The jar would send a cookie that is not `Secure` with this request.
    await call('GET', '/api/auth/verify', { token: 'of another user' });
    expect(gateway.forwarded).toEqual(['GET /auth/oauth/google', 'POST /auth/oauth/google', 'GET /auth/verify']);
  });
});

describe('the portal', () => {
  it('opens, lists users and changes one', async () => {
    const [admin, member] = [await service.memberWithRole('admin'), await service.member({ name: 'Portal Member' })];
    const { access: token } = admin;
    const me = await call('GET', '/api/admin/me', { token });
    expect(me.body).toMatchObject({ id: admin.id, email: admin.email, name: 'Ada Example', role: 'admin' });
    const { permissions, roles } = (await call('GET', '/api/admin/permissions', { token })).body;
    expect([permissions.includes('admin:access'), permissions.every((word: string) => /^\w+:\w+$/.test(word))]).toEqual(
      [true, true],
    );
    expect(Array.isArray(roles)).toBe(true);
    const query = 'page=0&pageSize=50&search=portal&status=&industry=&startDate=&endDate=';
    const { users, total } = (await call('GET', `/api/users?${query}`, { token })).body;
    expect([total, users]).toEqual([
      1,
      [expect.objectContaining({ id: member.id, name: 'Portal Member', email: member.email, status: 'active' })],
    ]);
    const changed = await call('PUT', `/api/users/${member.id}`, { token, body: { ...users[0], status: 'inactive' } });
    expect([changed.status, changed.body.status]).toEqual([200, 'inactive']);
  });
});

describe('the gateway', () => {
  it('accepts access tokens by its own check, and not the token of another service, which calls the service itself', async () => {
    const { access } = await service.member();
    expect((await call('GET', '/api/users/profile', { token: access })).status).toBe(200);
    const token = await service.serviceToken();
    const member: Member = await service.member({ name: 'Event Member' });
    expect((await call('GET', `/api/users/${member.id}`, { token })).status).toBe(401);
    const calls: [string, string, unknown?][] = [
      ['GET', `/users/${member.id}`],
      ['PUT', `/users/${member.id}/preferences`, { interests: ['Meetups'] }],
      ['GET', '/users/search?q=event%20member&limit=5'],
      ['GET', `/users/${member.id}/validate`],
    ];
    const answers = [];
    for (const [method, path, body] of calls) answers.push(await call(method, path, { token, body, base: direct }));
    expect(answers.map(({ status, body }) => [status, body.data ?? body])).toMatchObject([
      [200, { id: member.id, name: 'Event Member' }],
      [200, { interests: ['Meetups'] }],
      [200, { users: [{ id: member.id }] }],
      [200, { exists: true, is_active: true, name: 'Event Member' }],
    ]);
  });

  it('passes on an address that a client made up, which counts for nothing', async () => {
    const { id, email, password } = await service.member();
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    expect((await call('POST', '/api/auth/login', { body: { email, password }, headers })).status).toBe(200);
    const rows = await service.sql(`SELECT host(ip_address::inet) AS ip FROM user_sessions WHERE user_id = $1`, [id]);
    expect(rows.map(({ ip }) => ip)).toEqual(['127.0.0.1', '127.0.0.1']);
  });
});
