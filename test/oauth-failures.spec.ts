import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger } from '../src/common/logging/logger.js';
import { LOGGER } from '../src/common/logging/logger.module.js';
import { Answer, TestApp } from './support/app.js';
import { Browser, pathOf } from './support/browser.js';
import { answering, drip, flood, ok } from './support/faults.js';
import { Fault, OidcProvider, person } from './support/oidc-provider.js';
import { until } from './support/until.js';

const APP = 'https://app.example/signed-in?keep=this';
/** OAUTH_TIMEOUT_MS of one instance. */
const TIMEOUT_MS = 400;

let oidc: OidcProvider;
let service: TestApp;
let impatient: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  const values = { ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: APP };
  service = await TestApp.start(values);
  impatient = await TestApp.start({ ...values, OAUTH_TIMEOUT_MS: String(TIMEOUT_MS) });
});
afterEach(() => oidc.faults.clear());
afterAll(async () => {
  await impatient.stop();
  await service.stopAndDrop();
  await oidc.stop();
});

const outcome = ({ status, body }: Answer) => [status, body.error?.type];
const INVALID_STATE = [400, 'invalid_state'];

/** The redirect of an app that keeps the state itself. */
async function backToApp(provider: 'google' | 'linkedin' = 'google'): Promise<{ code: string; state: string }> {
  oidc.signedInAs(person());
  const { body } = await service.post(`/auth/${provider}`);
  const { searchParams } = await oidc.authorize(body.auth_url);
  return { code: searchParams.get('code')!, state: searchParams.get('state')! };
}

describe('a state', () => {
  beforeEach(() => (oidc.seen.length = 0));

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['unknown', 'A'.repeat(43)],
    ['malformed', 'x:y'],
    ['a pattern', '*'.repeat(43)],
  ])('that is %s is refused before the provider is asked', async (_, state) => {
    const query = state === undefined ? '' : `&state=${encodeURIComponent(state)}`;
    expect(outcome(await service.get(`/auth/oauth/google/callback?code=x${query}`))).toEqual(INVALID_STATE);
    expect(outcome(await service.post('/auth/google/callback', { code: 'x', state }))).toEqual(INVALID_STATE);
    expect(oidc.seen).toEqual([]);
  });

  it('given twice in one URL is refused', async () => {
    const { code, state } = await backToApp();
    const twice = `/auth/google/callback?code=${code}&state=${state}&state=${state}`;
    expect(outcome(await service.get(twice))).toEqual(INVALID_STATE);
  });

  it('is valid for one of many concurrent uses', async () => {
    const body = await backToApp();
    const answers = await Promise.all(Array.from({ length: 8 }, () => service.post('/auth/google/callback', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(400)]);
    expect(outcome(await service.post('/auth/google/callback', body))).toEqual(INVALID_STATE);
    expect(outcome(await service.get(`/auth/google/callback?${new URLSearchParams(body)}`))).toEqual(INVALID_STATE);
  });

  it('of another provider is refused and consumed', async () => {
    const body = await backToApp('google');
    expect(outcome(await service.post('/auth/linkedin/callback', body))).toEqual(INVALID_STATE);
    expect(outcome(await service.post('/auth/google/callback', body))).toEqual(INVALID_STATE);
    expect(oidc.seen.filter(({ url }) => url === '/token')).toEqual([]);
  });

  it('of a browser is refused without its cookie, by GET and by POST', async () => {
    const start = () => new Browser(service).start('google', oidc, person());
    const other = new Browser(service);
    await other.start('google', oidc, person());
    expect(outcome(await service.get(pathOf(await start())))).toEqual(INVALID_STATE);
    expect(outcome(await other.open(pathOf(await start())))).toEqual(INVALID_STATE);
    const { searchParams } = await start();
    const body = Object.fromEntries(searchParams);
    expect(outcome(await service.post('/auth/google/callback', body))).toEqual(INVALID_STATE);
    expect(oidc.seen.filter(({ url }) => url === '/token')).toEqual([]);
  });

  it('is erased from the table once it is used', async () => {
    const { state, code } = await backToApp();
    const rows = () => service.sql('SELECT value FROM ephemeral_values WHERE key = $1', [`oauth:state:${state}`]);
    const [{ value }] = (await rows()) as [{ value: string }];
    expect(JSON.parse(value)).toMatchObject({ provider: 'google', redirectUri: null, browser: null });
    await service.post('/auth/google/callback', { code, state });
    expect(await rows()).toEqual([{ value: '' }]);
  });

  it('expires', async () => {
    const body = await backToApp();
    await service.sql(`UPDATE ephemeral_values SET expires_at = now() WHERE key = $1`, [`oauth:state:${body.state}`]);
    expect(outcome(await service.post('/auth/google/callback', body))).toEqual(INVALID_STATE);
  });
});

describe('the answer of a provider', () => {
  it.each([
    ['access_denied', 400, 'oauth_denied'],
    ['user_cancelled_login', 400, 'oauth_denied'],
    ['user_cancelled_authorize', 400, 'oauth_denied'],
    ['server_error', 424, 'provider_unavailable'],
    ['temporarily_unavailable', 424, 'provider_unavailable'],
    ['invalid_scope', 401, 'oauth_failed'],
  ])('with error=%s becomes %i %s, in JSON or in the redirect', async (error, status, type) => {
    const browser = new Browser(service);
    const plain = await browser.start('linkedin', oidc, person());
    plain.searchParams.delete('code');
    plain.searchParams.set('error', error);
    expect(outcome(await browser.open(pathOf(plain)))).toEqual([status, type]);
    const named = await browser.start('linkedin', oidc, person(), APP);
    named.searchParams.delete('code');
    named.searchParams.set('error', error);
    const { status: found, headers } = await browser.open(pathOf(named));
    const state = named.searchParams.get('state');
    expect([found, headers.location]).toEqual([302, `${APP}&provider=linkedin&state=${state}&error=${type}`]);
    const again = await browser.open(pathOf(named));
    expect(again.headers.location).toMatch(type === 'oauth_denied' ? /&error=oauth_denied$/ : /&error=invalid_state$/);
  });

  it('that denies without a state is not redirected', async () => {
    const answer = await service.get('/auth/oauth/google/callback?error=access_denied');
    expect([...outcome(answer), answer.headers.location]).toEqual([400, 'oauth_denied', undefined]);
  });

  it('without a code and without an error fails the sign-in', async () => {
    const browser = new Browser(service);
    const back = await browser.start('google', oidc, person());
    back.searchParams.delete('code');
    expect(outcome(await browser.open(pathOf(back)))).toEqual([401, 'oauth_failed']);
  });

  it('that creates no account becomes an error in the redirect', async () => {
    const browser = new Browser(service);
    const { headers } = await browser.signIn('google', oidc, person({ email_verified: false }), APP);
    expect(headers.location).toMatch(/&error=provider_email_unverified$/);
  });
});

describe.each(['google', 'linkedin'] as const)('a provider that fails: %s', (provider) => {
  it.each<[name: string, path: string, fault: Fault, expected: [number, string]]>([
    ['refuses the code', '/token', answering(400, '{"error":"invalid_grant"}'), [401, 'oauth_failed']],
    ['refuses the client', '/token', answering(401, '{"error":"invalid_client"}'), [401, 'oauth_failed']],
    ['refuses the code in a 200', '/token', ok('{"error":"invalid_grant"}'), [401, 'oauth_failed']],
    ['refuses with words only it knows', '/token', ok('{"error":{"code":7}}'), [401, 'oauth_failed']],
    ['refuses the token in a 200', '/userinfo', ok('{"error":"invalid_token","sub":"x"}'), [401, 'oauth_failed']],
    ['refuses the access token', '/userinfo', answering(401), [401, 'oauth_failed']],
    ['is out of order', '/token', answering(500, '{"error":"server_error"}'), [424, 'provider_unavailable']],
    ['is overloaded', '/token', answering(429), [424, 'provider_unavailable']],
    ['is out of order in the second call', '/userinfo', answering(503), [424, 'provider_unavailable']],
    ['hangs up', '/token', (request) => request.socket.destroy(), [424, 'provider_unavailable']],
    ['says nothing', '/token', () => undefined, [424, 'provider_unavailable']],
    ['says nothing in the second call', '/userinfo', () => undefined, [424, 'provider_unavailable']],
    ['drips', '/token', drip, [424, 'provider_unavailable']],
    ['drips in the second call', '/userinfo', drip, [424, 'provider_unavailable']],
    ['never stops', '/userinfo', flood, [424, 'provider_unavailable']],
    ['answers null', '/token', ok('null'), [424, 'provider_unavailable']],
    ['answers a page', '/token', ok('<html>Welcome</html>'), [424, 'provider_unavailable']],
    ['gives no token', '/token', ok('{}'), [424, 'provider_unavailable']],
    ['gives no usable token', '/token', ok('{"access_token":"a\\nb"}'), [424, 'provider_unavailable']],
    ['gives an odd token', '/token', ok('{"access_token":{}}'), [401, 'oauth_failed']],
    ['describes null', '/userinfo', ok('null'), [424, 'provider_unavailable']],
    ['describes a list', '/userinfo', ok('[]'), [424, 'provider_unavailable']],
    ['describes in words', '/userinfo', ok('hello'), [424, 'provider_unavailable']],
    ['has no subject', '/userinfo', ok('{"email":"a@example.com"}'), [424, 'provider_unavailable']],
    ['describes a number', '/userinfo', ok('{"sub":7}'), [424, 'provider_unavailable']],
    ['describes with U+0000', '/userinfo', ok('{"sub":"a\\u0000"}'), [424, 'provider_unavailable']],
    ['describes at length', '/userinfo', ok(`{"sub":"${'a'.repeat(256)}"}`), [424, 'provider_unavailable']],
  ])('and %s', async (_, at, fault, expected) => {
    const body = await backToApp(provider);
    oidc.faults.set(at, fault);
    const started = performance.now();
    expect(outcome(await impatient.post(`/auth/${provider}/callback`, body))).toEqual(expected);
    // One deadline for both calls, with a margin for a busy machine.
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + 1500);
  });
});

describe('secrets', () => {
  it.each(['/token', '/userinfo'])('are not sent to the target of a redirect of %s', async (at) => {
    const body = await backToApp();
    oidc.faults.set(at, (_, response) => response.writeHead(307, { location: `${oidc.url}/elsewhere` }).end());
    oidc.faults.set('/elsewhere', ok('{}'));
    expect(outcome(await service.post('/auth/google/callback', body))).toEqual([424, 'provider_unavailable']);
    expect(oidc.seen.at(-1)!.url).toBe(at);
  });

  it('are not logged', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'oauth-logs-'));
    const file = path.join(folder, 'service.log');
    const talkative = await TestApp.start({ ...oidc.values, LOG_LEVEL: 'trace', LOG_FILE: file });
    const redirected = await new Browser(service).signIn('google', oidc, person(), APP);
    const code = new URL(String(redirected.headers.location)).searchParams.get('code')!;
    const exchanged = await talkative.post('/auth/oauth/exchange', { code });
    expect(exchanged.status).toBe(200);
    const good = await backToApp();
    const { body } = await talkative.post('/auth/google/callback', good);
    const failed = await backToApp('linkedin');
    oidc.faults.set('/userinfo', answering(500));
    await talkative.post('/auth/linkedin/callback', failed);
    const provider = oidc.seen.at(-1)!.authorization!.slice('Bearer '.length);
    talkative.app.get<Logger>(LOGGER).flush();
    await talkative.stop();
    // The failure is the last of it.
    const log = await until(async () => {
      const text = await readFile(file, 'utf8');
      return text.includes('the sign-in at the provider failed') && text;
    });
    await rm(folder, { recursive: true });
    const secrets = [code, good.code, good.state, failed.code, failed.state, provider, 'the client secret of'];
    for (const secret of [...secrets, body.access_token, body.refresh_token, exchanged.body.token])
      expect(log).not.toContain(secret);
  });

  it('of the redirect are stored only as hashes', async () => {
    const { headers } = await new Browser(service).signIn('google', oidc, person(), APP);
    const code = new URL(String(headers.location)).searchParams.get('code')!;
    const [{ dump }] = await service.sql(`SELECT string_agg(row::text, ' ') AS dump FROM ephemeral_values AS row`);
    expect(dump).toContain('oauth:exchange:');
    expect(dump).not.toContain(code);
  });
});
