import { createHash } from 'node:crypto';
import { readSettings } from '../src/config/settings.js';
import { TestApp, testValues } from './support/app.js';
import { Browser, pathOf } from './support/browser.js';
import { OidcProvider, person } from './support/oidc-provider.js';

const APP = 'https://app.example/signed-in';
const PROVIDERS = ['google', 'linkedin'] as const;

let oidc: OidcProvider;
let service: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: `${APP},meetinity://signed-in` });
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

describe.each(PROVIDERS)('sign-in with %s', (provider) => {
  it('leads the browser through the provider to tokens', async () => {
    const claims = person({ picture: 'https://pictures.example/grace.png' });
    const answer = await new Browser(service).signIn(provider, oidc, claims);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(
      ['access_token', 'expires_in', 'refresh_expires_in', 'refresh_token', 'token', 'token_type', 'user'].sort(),
    );
    expect(answer.body.user).toMatchObject({
      email: claims.email,
      name: 'Grace Hopper',
      role: 'user',
      is_verified: true,
      has_password: false,
      oauth_provider: provider,
      profile_picture_url: 'https://pictures.example/grace.png',
    });
    expect((await service.get('/users/profile', answer.body.access_token)).status).toBe(200);
    expect(answer.headers['cache-control']).toBe('private, no-store');
  });

  it('returns the URL to an app as JSON and accepts code and state by POST', async () => {
    const started = await service.post(`/auth/${provider}`);
    expect(started.status).toBe(200);
    expect(started.headers['set-cookie']).toBeUndefined();
    const back = await oidc.authorize(started.body.auth_url);
    const body = { code: back.searchParams.get('code'), state: back.searchParams.get('state') };
    expect(body.state).toBe(started.body.state);
    const answer = await service.post(`/auth/${provider}/callback`, body);
    expect(answer.status).toBe(200);
    expect(answer.body.token).toBe(answer.body.access_token);
  });

  it('answers JSON to a GET that accepts it', async () => {
    const started = await service.get(`/auth/oauth/${provider}`, undefined, { accept: 'application/json' });
    expect([started.status, Object.keys(started.body).sort()]).toEqual([200, ['auth_url', 'state']]);
    const back = await oidc.authorize(started.body.auth_url);
    expect(back.pathname).toBe(`/auth/oauth/${provider}/callback`);
    const body = { code: back.searchParams.get('code'), state: back.searchParams.get('state') };
    expect((await service.post(`/auth/${provider}/callback`, body)).status).toBe(200);
  });

  it('accepts the callback at the short address too', async () => {
    const browser = new Browser(service);
    const back = await browser.start(provider, oidc, person());
    expect((await browser.open(`/auth/${provider}/callback${back.search}`)).status).toBe(200);
  });

  it('redirects the browser to the given address with a code for one session', async () => {
    const browser = new Browser(service);
    const claims = person();
    const answer = await browser.signIn(provider, oidc, claims, APP);
    expect([answer.status, answer.text]).toEqual([302, '']);
    const location = new URL(String(answer.headers.location));
    expect(location.origin + location.pathname).toBe(APP);
    expect([...location.searchParams.keys()].sort()).toEqual(['code', 'provider', 'state']);
    expect(location.searchParams.get('provider')).toBe(provider);
    const sessions = () =>
      service.sql('SELECT s.device_info FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1', [
        claims.email,
      ]);
    expect(await sessions()).toEqual([]);
    const body = { code: location.searchParams.get('code'), device_info: { model: 'Pixel 9' } };
    const answers = await Promise.all(
      ['192.0.2.1', '192.0.2.2'].map((remoteAddress) =>
        service.request('POST', '/auth/oauth/exchange', { body, remoteAddress }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const [good, bad] = answers.sort((a, b) => a.status - b.status);
    expect(good!.body.user.email).toBe(claims.email);
    expect(bad!.body.error.type).toBe('invalid_code');
    expect(await sessions()).toEqual([{ device_info: { model: 'Pixel 9' } }]);
  });

  it('uses PKCE if the provider supports it, and sends the access token in the header only', async () => {
    oidc.seen.length = 0;
    await new Browser(service).signIn(provider, oidc, person());
    const [asked, token, userinfo] = oidc.seen;
    const query = new URL(asked!.url, oidc.url).searchParams;
    expect(query.get('scope')).toBe('openid profile email');
    expect([query.get('response_type'), query.get('client_id')]).toEqual(['code', `client-${provider.toUpperCase()}`]);
    const challenge = createHash('sha256')
      .update(token!.body!.code_verifier ?? '')
      .digest('base64url');
    const expected = provider === 'google' ? [challenge, 'S256'] : [null, null];
    expect([query.get('code_challenge'), query.get('code_challenge_method')]).toEqual(expected);
    expect([token!.method, token!.url, token!.authorization]).toEqual(['POST', '/token', undefined]);
    expect([userinfo!.method, userinfo!.url]).toEqual(['GET', '/userinfo']);
    expect(userinfo!.authorization).toMatch(/^Bearer ey/);
  });
});

describe('the start', () => {
  it('binds the sign-in to the browser by an HttpOnly, SameSite cookie', async () => {
    const answer = await service.get('/auth/oauth/google', undefined, { accept: 'text/html' });
    expect([answer.status, answer.text]).toEqual([302, '']);
    expect(answer.headers['set-cookie']).toMatch(
      /^oauth-[\w-]{8}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const secure = await TestApp.start({ ...oidc.values, PUBLIC_BASE_URL: 'https://users.example' });
    const { headers } = await secure.get('/auth/oauth/google');
    await secure.stop();
    expect(headers['set-cookie']).toMatch(
      /^__Host-oauth-[\w-]{8}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(new URL(String(headers.location)).searchParams.get('redirect_uri')).toBe(
      'https://users.example/auth/oauth/google/callback',
    );
  });

  it('finishes sign-ins of two tabs in any order', async () => {
    const browser = new Browser(service);
    const first = await browser.start('google', oidc, person());
    const second = await browser.start('linkedin', oidc, person());
    expect((await browser.open(pathOf(second))).status).toBe(200);
    expect((await browser.open(pathOf(first))).status).toBe(200);
  });

  it('accepts a redirect to the scheme of an app', async () => {
    const answer = await new Browser(service).signIn('google', oidc, person(), 'meetinity://signed-in');
    expect(answer.headers.location).toMatch(
      /^meetinity:\/\/signed-in\?provider=google&state=[\w-]{43}&code=[\w-]{43}$/,
    );
  });

  it.each([
    ['longer', `${APP}/evil`],
    ['shorter', 'https://app.example/'],
    ['of a longer host', 'https://app.example.evil.example/signed-in'],
    ['with credentials', 'https://app.example@evil.example/signed-in'],
    ['with a trailing dot', 'https://app.example./signed-in'],
    ['in another case', 'https://APP.example/signed-in'],
    ['with a port', 'https://app.example:443/signed-in'],
    ['with dots to resolve', 'https://app.example/x/../signed-in'],
    ['with a query', `${APP}?next=https://evil.example`],
    ['with a fragment', `${APP}#x`],
    ['with a backslash', 'https://app.example\\@evil.example/signed-in'],
    ['relative', '//app.example/signed-in'],
    ['a script', 'javascript:alert(1)'],
    ['empty', ''],
  ])('refuses a redirect that is %s before other checks', async (_, redirect) => {
    const query = `?redirect_uri=${encodeURIComponent(redirect)}`;
    const json = { accept: 'application/json' };
    const answers = await Promise.all([
      service.get(`/auth/oauth/google${query}`),
      service.get(`/auth/oauth/google${query}`, undefined, json),
      service.post(`/auth/linkedin${query}`),
    ]);
    for (const { status, body, headers } of answers) {
      expect([status, body.error.type]).toEqual([400, 'redirect_not_allowed']);
      expect([headers.location, headers['set-cookie']]).toEqual([undefined, undefined]);
    }
  });

  it('refuses a redirect given twice, even if the provider is not configured', async () => {
    const twice = await service.get(`/auth/oauth/google?redirect_uri=${APP}&redirect_uri=${APP}`);
    expect([twice.status, twice.body.error.type]).toEqual([400, 'redirect_not_allowed']);
    const bare = await TestApp.start();
    const answer = await bare.get(`/auth/oauth/google?redirect_uri=${APP}`);
    await bare.stop();
    expect(answer.body.error.type).toBe('redirect_not_allowed');
  });

  it('supports two providers and answers provider_not_configured', async () => {
    const bare = await TestApp.start();
    const asked = [
      bare.get('/auth/oauth/google'),
      bare.post('/auth/linkedin'),
      bare.get('/auth/oauth/google/callback?code=x&state=y'),
      bare.post('/auth/google/callback', { code: 'x', state: 'y' }),
    ];
    const types = (await Promise.all(asked)).map(({ status, body }) => [status, body.error.type]);
    await bare.stop();
    expect(types).toEqual(types.map(() => [404, 'provider_not_configured']));
    const unknown = [
      service.get('/auth/oauth/facebook'),
      service.post('/auth/facebook'),
      service.get('/auth/facebook/callback'),
      service.get('/auth/oauth/facebook/callback'),
    ];
    for (const { status, body } of await Promise.all(unknown))
      expect([status, body.error.type]).toEqual([404, 'not_found']);
    expect((await service.get('/auth/google')).status).toBe(405);
  });

  it('refuses unknown fields', async () => {
    const answer = await service.post('/auth/google', { surprise: 1 });
    expect([answer.status, answer.body.error.details[0].field]).toEqual([400, 'surprise']);
  });

  it('is limited by client, like guesses at states and codes', async () => {
    const values = { ...oidc.values, RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_OAUTH_IP: '2', RATE_LIMIT_TOKEN_IP: '2' };
    const strict = await TestApp.start(values);
    const starts = [strict.post('/auth/google'), strict.post('/auth/linkedin'), strict.get('/auth/oauth/google')];
    const guesses = [
      await strict.post('/auth/oauth/exchange', { code: 'guess' }),
      await strict.post('/auth/google/callback', { code: 'x', state: 'guess' }),
      await strict.get('/auth/oauth/linkedin/callback?code=x&state=guess'),
    ];
    expect((await Promise.all(starts)).map(({ status }) => status).sort()).toEqual([200, 200, 429]);
    expect(guesses.map(({ status }) => status)).toEqual([400, 400, 429]);
    expect(Number(guesses[2]!.headers['retry-after'])).toBeGreaterThan(0);
    await strict.stop();
  });
});

describe('OAUTH_REDIRECT_ALLOWLIST', () => {
  it.each(['/signed-in', 'app.example', 'https://app.example/#x', 'javascript:alert(1)', 'data:text/html,x'])(
    'refuses %s',
    (entry) => {
      const read = () => readSettings(testValues({ OAUTH_REDIRECT_ALLOWLIST: `${APP},${entry}` }));
      expect(read).toThrow(/^OAUTH_REDIRECT_ALLOWLIST must be/);
    },
  );
});
