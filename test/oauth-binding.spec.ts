import { createHash, randomBytes } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import { Answer, TestApp } from './support/app.js';
import { Browser, pathOf } from './support/browser.js';
import { Claims, OidcProvider, person } from './support/oidc-provider.js';

const APP = 'https://app.example/signed-in';
const PROVIDERS = ['google', 'linkedin'] as const;
type Provider = (typeof PROVIDERS)[number];

let oidc: OidcProvider;
let service: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: APP });
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

const outcome = ({ status, body }: Answer) => [status, body.error?.type];
const INVALID_STATE = [400, 'invalid_state'];
const INVALID_CODE = [400, 'invalid_code'];

const verifier = () => randomBytes(32).toString('base64url');
const challengeOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');
const sessionsOf = async ({ email }: { email: string }) =>
  (await service.sql('SELECT FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1', [email]))
    .length;

/** The two ways to start without a browser. */
const JSON_STARTS: [string, (provider: Provider, query?: string) => Promise<Answer>][] = [
  ['POST', (provider, query = '') => service.post(`/auth/${provider}${query}`)],
  [
    'GET with Accept: application/json',
    (provider, query = '') => service.get(`/auth/oauth/${provider}${query}`, undefined, { accept: 'application/json' }),
  ],
];

const queryOf = (values: Record<string, string>) => `?${new URLSearchParams(values)}`;
const bodyOf = (back: URL) => ({ code: back.searchParams.get('code'), state: back.searchParams.get('state') });
const exchange = (code: string | null, code_verifier?: string, remoteAddress?: string) =>
  service.request('POST', '/auth/oauth/exchange', {
    body: { code, ...(code_verifier === undefined ? {} : { code_verifier }) },
    remoteAddress,
  });
const codeOf = ({ headers }: Answer) => new URL(String(headers.location)).searchParams.get('code');

describe.each(PROVIDERS)('login CSRF through %s', (provider) => {
  describe.each(JSON_STARTS)('by a sign-in that an attacker started by %s', (_, start) => {
    it.each([
      ['', {}],
      [' and a redirect', { redirect_uri: APP }],
      [' and a challenge without a redirect', { code_challenge: challengeOf(verifier()) }],
    ])('without a challenge%s does not sign in the browser that opens its callback', async (__, query) => {
      const attacker = person();
      oidc.signedInAs(attacker);
      const { body } = await start(provider, queryOf(query as Record<string, string>));
      const back = await oidc.authorize(body.auth_url);
      const victim = new Browser(service);
      await victim.start(provider, oidc, person());
      const answer = await victim.open(pathOf(back));
      expect([...outcome(answer), answer.headers.location]).toEqual([...INVALID_STATE, undefined]);
      expect(await sessionsOf(attacker)).toBe(0);
      expect(outcome(await victim.open(pathOf(back)))).toEqual(INVALID_STATE);
      // The state is consumed: the sign-in cannot be finished another way.
      expect(outcome(await service.post(`/auth/${provider}/callback`, bodyOf(back)))).toEqual(INVALID_STATE);
      expect(await sessionsOf(attacker)).toBe(0);
    });

    it('with a redirect and a challenge returns a code that is useless without the verifier', async () => {
      const [attacker, secret] = [person(), verifier()];
      const begin = async () => {
        oidc.signedInAs(attacker);
        const query = queryOf({ redirect_uri: APP, code_challenge: challengeOf(secret) });
        const { body } = await start(provider, query);
        const answer = await new Browser(service).open(pathOf(await oidc.authorize(body.auth_url)));
        expect([answer.status, answer.headers['set-cookie']]).toEqual([302, undefined]);
        return codeOf(answer);
      };
      // The front end of the victim sends no verifier, or its own.
      expect(outcome(await exchange(await begin()))).toEqual(INVALID_CODE);
      expect(outcome(await exchange(await begin(), verifier()))).toEqual(INVALID_CODE);
      expect(await sessionsOf(attacker)).toBe(0);
      const code = await begin();
      expect((await exchange(code, secret)).body.user.email).toBe(attacker.email);
      expect(outcome(await exchange(code, secret, '192.0.2.7'))).toEqual(INVALID_CODE);
      expect(await sessionsOf(attacker)).toBe(1);
    });

    it('with a challenge can only be finished by POST with the verifier', async () => {
      const secret = verifier();
      const finish = async (code_verifier?: string) => {
        oidc.signedInAs(person());
        const { body } = await start(provider, queryOf({ code_challenge: challengeOf(secret) }));
        const given = bodyOf(await oidc.authorize(body.auth_url));
        return service.post(`/auth/${provider}/callback`, { ...given, ...(code_verifier ? { code_verifier } : {}) });
      };
      expect(outcome(await finish())).toEqual(INVALID_STATE);
      expect(outcome(await finish(verifier()))).toEqual(INVALID_STATE);
      expect((await finish(secret)).status).toBe(200);
    });
  });

  it('by a code of the attacker fails at a front end that always sends a verifier', async () => {
    const attacker = person();
    const code = codeOf(await new Browser(service).signIn(provider, oidc, attacker, APP));
    // RFC 9700, §2.1.1: without a challenge there is nothing that a verifier could fit.
    expect(outcome(await exchange(code, verifier()))).toEqual(INVALID_CODE);
    expect(await sessionsOf(attacker)).toBe(0);
  });

  it('by HEAD on either callback neither signs in nor consumes the state', async () => {
    for (const address of [`/auth/oauth/${provider}/callback`, `/auth/${provider}/callback`]) {
      const [claims, browser] = [person(), new Browser(service)];
      const back = await browser.start(provider, oidc, claims);
      const url = `${address}${back.search}`;
      const head = await service.app.inject({ method: 'HEAD', url, headers: browser.headers } as InjectOptions);
      expect([head.statusCode < 500, head.headers.location, head.body]).toEqual([true, undefined, '']);
      expect(await sessionsOf(claims)).toBe(0);
      expect((await browser.open(url)).status).toBe(200);
    }
  });

  it('by HEAD on the start does not start a sign-in', async () => {
    const url = `/auth/oauth/${provider}`;
    const states = async () => (await service.sql('SELECT FROM ephemeral_values')).length;
    const before = await states();
    const { headers } = await service.app.inject({ method: 'HEAD', url });
    expect([headers.location, headers['set-cookie'], await states()]).toEqual([undefined, undefined, before]);
  });
});

describe.each(PROVIDERS)('the id token of %s', (provider) => {
  it('is refused without the nonce of this sign-in', async () => {
    const started = async () =>
      new URL((await service.post(`/auth/${provider}`)).body.auth_url).searchParams.get('nonce');
    const [one, two] = [await started(), await started()];
    expect([one, two]).toEqual([expect.stringMatching(/^[\w-]{43}$/), expect.stringMatching(/^[\w-]{43}$/)]);
    expect(one).not.toBe(two);
    const attempt = async (idToken: Claims) => {
      oidc.idToken = idToken;
      const { status, body } = await new Browser(service).signIn(provider, oidc, person());
      oidc.idToken = {};
      return [status, body.error?.type];
    };
    expect(await attempt({ nonce: one })).toEqual([401, 'oauth_failed']);
    expect(await attempt({ nonce: null })).toEqual([401, 'oauth_failed']);
    expect(await attempt({ nonce: undefined })).toEqual([200, undefined]);
    expect(await attempt({})).toEqual([200, undefined]);
    expect(oidc.lastIdToken.nonce).toMatch(/^[\w-]{43}$/);
  });
});

describe('a challenge', () => {
  it.each([
    ['too short', 'code_challenge=abc'],
    ['empty', 'code_challenge='],
    ['not base64url', `code_challenge=${'*'.repeat(43)}`],
    ['given twice', `code_challenge=${challengeOf('a')}&code_challenge=${challengeOf('b')}`],
  ])('that is %s is refused by every way to start', async (_, query) => {
    const starts = [
      ...JSON_STARTS.map(([, start]) => start),
      (provider: Provider, text = '') => service.get(`/auth/oauth/${provider}${text}`),
    ];
    for (const start of starts) {
      const { status, body, headers } = await start('google', `?${query}`);
      expect([status, body.error.type, body.error.details[0].field]).toEqual([
        400,
        'validation_failed',
        'code_challenge',
      ]);
      expect([headers.location, headers['set-cookie']]).toEqual([undefined, undefined]);
    }
  });

  it('is required in the redirect flow of a browser too', async () => {
    const secret = verifier();
    const begin = async () => {
      const browser = new Browser(service);
      oidc.signedInAs(person());
      const query = queryOf({ redirect_uri: APP, code_challenge: challengeOf(secret) });
      const { headers } = await browser.open(`/auth/oauth/google${query}`);
      return codeOf(await browser.open(pathOf(await oidc.authorize(String(headers.location)))));
    };
    expect(outcome(await exchange(await begin()))).toEqual(INVALID_CODE);
    expect((await exchange(await begin(), secret)).status).toBe(200);
  });
});

describe('a browser', () => {
  it('may start in several tabs at once', async () => {
    const browser = new Browser(service);
    // Both requests are sent before either answer sets its cookie.
    const backs = await Promise.all(PROVIDERS.map((provider) => browser.start(provider, oidc, person())));
    for (const back of backs) expect((await browser.open(pathOf(back))).status).toBe(200);
  });

  it('keeps few cookies after many sign-ins', async () => {
    const browser = new Browser(service);
    for (let count = 0; count < 5; count += 1) await browser.start('google', oidc, person(), APP);
    expect(browser.headers.cookie!.split('; ')).toHaveLength(1);
  });

  it('that repeats a callback of the redirect flow is redirected to the front end each time', async () => {
    const browser = new Browser(service);
    const back = await browser.start('google', oidc, person(), APP);
    const answers = await Promise.all([1, 2, 3].map(() => browser.open(pathOf(back))));
    answers.push(await browser.open(pathOf(back)));
    const state = back.searchParams.get('state');
    const repeated = `${APP}?provider=google&state=${state}&error=invalid_state`;
    expect(answers.map(({ status }) => status)).toEqual([302, 302, 302, 302]);
    const locations = answers.map(({ headers }) => String(headers.location));
    expect(locations.filter((location) => location === repeated)).toHaveLength(3);
    expect(locations.filter((location) => location.includes('&code='))).toHaveLength(1);
    // Other browsers do not learn the target.
    for (const other of [new Browser(service), await strangerWithCookie()])
      expect(outcome(await other.open(pathOf(back)))).toEqual(INVALID_STATE);
    expect(outcome(await browser.open(pathOf(back).replace('google', 'linkedin')))).toEqual(INVALID_STATE);
  });

  it('whose state was consumed by another client is redirected to the front end', async () => {
    const browser = new Browser(service);
    const back = await browser.start('linkedin', oidc, person(), APP);
    expect(outcome(await new Browser(service).open(pathOf(back)))).toEqual(INVALID_STATE);
    const { status, headers } = await browser.open(pathOf(back));
    expect([status, new URL(String(headers.location)).searchParams.get('error')]).toEqual([302, 'invalid_state']);
  });
});

async function strangerWithCookie(): Promise<Browser> {
  const browser = new Browser(service);
  await browser.start('google', oidc, person(), APP);
  return browser;
}
