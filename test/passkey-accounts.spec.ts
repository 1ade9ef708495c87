import { decode } from 'jsonwebtoken';
import { auditOf, eventsOf, member as register } from './support/accounts.js';
import { Answer, TestApp, uniqueEmail } from './support/app.js';
import { addPasskey, Authenticator, FLAGS, ORIGIN, signInByPasskey, signUpByPasskey } from './support/authenticator.js';
import { Browser } from './support/browser.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { OidcProvider } from './support/oidc-provider.js';
import { word } from './support/sessions.js';
import { until } from './support/until.js';

const APP = 'https://app.example.com/signed-in';
const PASSKEYS = { WEBAUTHN_RP_ID: 'localhost', WEBAUTHN_ORIGINS: ORIGIN };
const PASSWORD = 'another horse battery';
let oidc: OidcProvider;
let service: TestApp;
/** With REQUIRE_EMAIL_VERIFICATION. */
let strict: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, ...PASSKEYS, OAUTH_REDIRECT_ALLOWLIST: APP });
  strict = await TestApp.start({ REQUIRE_EMAIL_VERIFICATION: 'true' });
});
afterAll(async () => {
  await strict.stop();
  await service.stopAndDrop();
  await oidc.stop();
});

let email: string;
let authenticator: Authenticator;
beforeEach(() => {
  email = uniqueEmail();
  authenticator = new Authenticator();
});

const userOf = async () => (await service.sql('SELECT * FROM users WHERE email = $1', [email]))[0]!;
const passkeysOf = (id: string) => service.sql('SELECT id FROM webauthn_credentials WHERE user_id = $1', [id]);
const reset = async (body: object): Promise<Answer> => {
  const { length } = await mailsTo(email, 'password_reset');
  await service.post('/auth/password/forgot', { email });
  const token = await mailedToken(email, 'password_reset', length + 1);
  return service.post('/auth/password/reset', { token, password: PASSWORD, ...body });
};

describe('signing up with a passkey', () => {
  it('creates an account without a password in two requests, and signs in', async () => {
    const { status, body } = await signUpByPasskey(service, email, authenticator);
    expect([status, body.user]).toMatchObject([
      201,
      { email, name: 'Ada Example', has_password: false, mfa_enabled: true, is_verified: false },
    ]);
    expect(body.recovery_codes).toHaveLength(10);
    expect(decode(body.access_token)).toMatchObject({ amr: ['hwk', 'user', 'mfa'], acr: 'aal2' });
    expect(await eventsOf(service, body.user.id)).toEqual([['user.created', email]]);
    await mailTo(email, 'email_verification');
    expect((await signInByPasskey(service, authenticator)).body.user.id).toBe(body.user.id);
  });

  it('answers options that do not tell a taken address from a free one', async () => {
    const taken = await register(service, true);
    await addPasskey(service, taken, authenticator);
    const optionsFor = async (address: string) =>
      (await service.post('/auth/passkeys/register/options', { email: address, name: 'Ada' })).body.options;
    const [one, two, free] = [await optionsFor(taken.email), await optionsFor(taken.email), await optionsFor(email)];
    expect(new Set([one.user.id, two.user.id, authenticator.userHandle]).size).toBe(3);
    const shape = ({ user, challenge, ...rest }: any) => [rest, user.id.length, challenge.length];
    expect(shape(one)).toEqual(shape(free));
    expect([one.rp, one.excludeCredentials, one.pubKeyCredParams.map(({ alg }: { alg: number }) => alg)]).toEqual([
      { name: 'Meetinity', id: 'localhost' },
      [],
      [-8, -7, -257],
    ]);
    expect(word(await signUpByPasskey(service, taken.email, new Authenticator()))).toBe('409 email_taken');
  });

  it('refuses a failed ceremony', async () => {
    const answers = [
      await signUpByPasskey(service, email, authenticator, { flags: FLAGS.UP }),
      await signUpByPasskey(service, email, authenticator, { clientData: { origin: 'https://evil.example' } }),
      await service.post('/auth/passkeys/register', { credential: {} }),
    ];
    expect(answers.map(word)).toEqual(Array.from({ length: 3 }, () => '400 invalid_code'));
    expect(word(await service.post('/auth/passkeys/register/options', { email: 'no', name: '' }))).toBe(
      '400 validation_failed',
    );
    expect(await userOf()).toBeUndefined();
  });

  it('uses the address that the options were made for', async () => {
    const { body } = await service.post('/auth/passkeys/register/options', { email, name: 'Ada' });
    const credential = authenticator.create(body.options);
    expect(word(await service.post('/auth/passkeys/register', { credential, email: 'x@example.com' }))).toBe(
      '400 validation_failed',
    );
    const answers = await Promise.all([1, 2].map(() => service.post('/auth/passkeys/register', { credential })));
    expect(answers.map(word).sort()).toEqual(['201', '400 invalid_code']);
  });

  it('answers taken and free addresses alike where they must be confirmed first', async () => {
    const taken = await register(service, true);
    const answers = [
      await signUpByPasskey(strict, taken.email, new Authenticator()),
      await signUpByPasskey(strict, email, authenticator),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(answers[0]!.body).toEqual(answers[1]!.body);
    await mailTo(taken.email, 'already_registered');
    const token = await mailedToken(email, 'email_verification');
    const refused = await signInByPasskey(strict, authenticator);
    expect(refused.body.error).toMatchObject({ type: 'invalid_passkey', message: /not confirmed yet$/ });
    const unknown = await signInByPasskey(strict, new Authenticator());
    expect(unknown.body.error).toEqual(refused.body.error);
    await until(async () => (await mailsTo(email, 'email_verification')).length === 2);
    expect((await strict.post('/auth/email/verify', { token })).status).toBe(204);
    expect((await signInByPasskey(strict, authenticator)).status).toBe(200);
    expect(await userOf()).toMatchObject({ is_verified: true, passkey_status: 'unproven' });
  });
});

describe('a passkey of the sign-up is unproven', () => {
  const confirm = async (access?: string) => {
    const token = await mailedToken(email, 'email_verification');
    return service.post('/auth/email/verify', { token }, access);
  };

  it('until the address is confirmed in a session of the account', async () => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    await confirm();
    expect(await userOf()).toMatchObject({ is_verified: true, passkey_status: 'unproven' });
    await confirm((await service.member()).access);
    expect((await userOf()).passkey_status).toBe('unproven');
    await confirm(body.access_token);
    expect((await userOf()).passkey_status).toBe('proven');
    expect((await auditOf(service, body.user.id)).map(({ action }) => action)).toContain('passkey.proven');
  });

  it.each(['unconfirmed', 'confirmed by its owner'])('and lost by a reset by mail: %s', async (state) => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    if (state !== 'unconfirmed') await confirm();
    expect((await reset({})).status).toBe(204);
    expect(await passkeysOf(body.user.id)).toEqual([]);
    expect(await userOf()).toMatchObject({ passkey_status: null, mfa_enabled: false });
    expect(word(await signInByPasskey(service, authenticator))).toBe('401 invalid_passkey');
    expect(word(await service.get('/users/profile', body.access_token))).toBe('401 unauthenticated');
    expect((await service.post('/auth/login', { email, password: PASSWORD })).body.mfa_required).toBe(false);
  });

  it('and lost to the owner of the address who signs in at a provider', async () => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    await confirm();
    const claims = { sub: email, email, email_verified: true };
    const signedIn = await new Browser(service).signIn('google', oidc, claims);
    expect(signedIn.body.user).toMatchObject({ id: body.user.id, mfa_enabled: false });
    expect(word(await signInByPasskey(service, authenticator))).toBe('401 invalid_passkey');
    expect(word(await service.get('/users/profile', body.access_token))).toBe('401 unauthenticated');
  });

  it('and prevents a promotion', async () => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    await confirm();
    const admin = await service.memberWithRole('admin');
    const change = { role: 'moderator', reason: 'trusted' };
    const promote = () => service.put(`/admin/users/${body.user.id}/role`, change, admin.access);
    expect(word(await promote())).toBe('409 password_unproven');
    await confirm(body.access_token);
    expect((await promote()).status).toBe(200);
  });

  it('like one that is added beside an unproven password, until that is proven', async () => {
    const member = await register(service, true);
    email = member.email;
    await addPasskey(service, member, authenticator);
    expect((await userOf()).passkey_status).toBe('unproven');
    await service.post('/auth/email/verify', { token: await mailedToken(email, 'email_verification') }, member.access);
    expect((await userOf()).passkey_status).toBe('proven');
  });
});

describe('an account with nothing but a passkey', () => {
  let codes: string[];
  let id: string;
  let access: string;
  beforeEach(async () => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    [codes, id, access] = [body.recovery_codes, body.user.id, body.access_token];
    await service.post('/auth/email/verify', { token: await mailedToken(email, 'email_verification') }, access);
  });

  it('is reset by a link and a recovery code, which keeps the passkey', async () => {
    await service.post('/auth/password/forgot', { email });
    const token = await mailedToken(email, 'password_reset');
    const attempt = (changes: object) =>
      service.post('/auth/password/reset', { token, password: PASSWORD, ...changes });
    expect(word(await attempt({}))).toBe('401 invalid_mfa_code');
    expect(word(await attempt({ recovery_code: 'AAAA-BBBB-CCCC-DDDD' }))).toBe('401 invalid_mfa_code');
    expect(word(await attempt({ recovery_code: codes[0], password: 'short' }))).toBe('400 weak_password');
    expect((await attempt({ recovery_code: codes[0] })).status).toBe(204);
    expect((await attempt({ recovery_code: codes[0] })).status).toBe(204);
    expect(await passkeysOf(id)).toHaveLength(1);
    const { body } = await service.post('/auth/login', { email, password: PASSWORD });
    expect(body).toMatchObject({ mfa_required: true, methods: ['recovery_code', 'passkey'] });
    const reused = { mfa_token: body.mfa_token, method: 'recovery_code', code: codes[0] };
    expect(word(await service.post('/auth/mfa/verify', reused))).toBe('401 invalid_mfa_code');
  });

  it('limits wrong recovery codes of a reset', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_LOGIN_PAIR: '2' });
    await service.post('/auth/password/forgot', { email });
    const token = await mailedToken(email, 'password_reset');
    const words: string[] = [];
    for (const code of ['WRONG', 'WRONG', codes[0]])
      words.push(word(await limited.post('/auth/password/reset', { token, password: PASSWORD, recovery_code: code })));
    expect(words).toEqual(['401 invalid_mfa_code', '401 invalid_mfa_code', '429 rate_limited']);
    await limited.stop();
  });

  it('keeps its last passkey, until there is another way in', async () => {
    const [{ id: passkey }] = await passkeysOf(id);
    for (const url of [`/users/passkeys/${passkey}`, `/users/mfa/${passkey}`])
      expect(word(await service.delete(url, access))).toBe('409 last_sign_in_method');
    expect(await passkeysOf(id)).toHaveLength(1);
    await addPasskey(service, { access } as never, new Authenticator());
    expect((await service.delete(`/users/passkeys/${passkey}`, access)).status).toBe(204);
    expect(word(await signInByPasskey(service, authenticator))).toBe('401 invalid_passkey');
  });

  it('keeps one of two ways in: two removals at once', async () => {
    await addPasskey(service, { access } as never, new Authenticator());
    const rows = await passkeysOf(id);
    const answers = await Promise.all(rows.map((row) => service.delete(`/users/passkeys/${row.id}`, access)));
    expect(answers.map(word).sort()).toEqual(['204', '409 last_sign_in_method']);
  });

  it('may unlink its last provider', async () => {
    const claims = { sub: email, email, email_verified: true };
    const linked = await new Browser(service).signIn('google', oidc, claims);
    expect(word(linked)).toBe('403 mfa_required');
    expect(await passkeysOf(id)).toHaveLength(1);
    expect((await service.delete('/users/identities/google', access)).status).toBe(204);
  });
});
