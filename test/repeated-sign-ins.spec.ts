import { auditOf, member as register } from './support/accounts.js';
import { TestApp, uniqueEmail } from './support/app.js';
import {
  addPasskey,
  Authenticator,
  ORIGIN,
  signInByPasskey,
  signInOptions,
  signUpByPasskey,
} from './support/authenticator.js';
import { Browser } from './support/browser.js';
import { addTotp, mfaToken, totpCode } from './support/factors.js';
import { OidcProvider } from './support/oidc-provider.js';
import { sessionOf, word } from './support/sessions.js';

const APP = 'https://app.example.com/signed-in';
const PASSKEYS = { WEBAUTHN_RP_ID: 'localhost', WEBAUTHN_ORIGINS: ORIGIN };
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

describe('a repeated request', () => {
  const from = (remoteAddress: string) => (url: string, body: object) =>
    service.request('POST', url, { body, remoteAddress });

  async function expectOneSession(url: string, body: object) {
    const [mine, other] = [from('192.0.2.1'), from('192.0.2.2')];
    const [first, atOnce] = await Promise.all([mine(url, body), mine(url, body)]);
    const later = await mine(url, body);
    expect([first, atOnce, later].map(word)).toEqual(['200', '200', '200']);
    const { user } = first!.body;
    for (const answer of [atOnce!, later])
      expect([sessionOf(answer.body.access_token), answer.body.refresh_token]).toEqual([
        sessionOf(first!.body.access_token),
        first!.body.refresh_token,
      ]);
    const opened = await auditOf(service, user.id);
    expect(opened.filter(({ action }) => action === 'session.opened')).toHaveLength(1);
    expect((await other(url, body)).status).toBeGreaterThanOrEqual(400);
    // Another body of the same client.
    expect((await mine(url, { ...body, device_info: { os: 'other' } })).status).toBeGreaterThanOrEqual(400);
    return first!;
  }

  it('of a passkey login answers the same session', async () => {
    const member = await register(service, true);
    await addPasskey(service, member, authenticator);
    const credential = authenticator.get(await signInOptions(service));
    await expectOneSession('/auth/passkeys/login', { credential });
  });

  it('of a second factor answers the same session, for ten seconds and while it lives', async () => {
    const member = await addTotp(service, await service.member());
    const body = { mfa_token: await mfaToken(service, member), method: 'totp', code: totpCode(member.secret) };
    const answer = await expectOneSession('/auth/mfa/verify', body);
    const repeat = () => from('192.0.2.1')('/auth/mfa/verify', body);
    const sid = sessionOf(answer.body.access_token);
    await service.sql(`UPDATE user_sessions SET created_at = now() - interval '11 seconds' WHERE id = $1`, [sid]);
    expect(word(await repeat())).toBe('400 invalid_or_expired_token');
    await service.sql(`UPDATE user_sessions SET created_at = now() WHERE id = $1`, [sid]);
    expect(word(await repeat())).toBe('200');
    await service.post('/auth/logout', {}, answer.body.access_token);
    expect(word(await repeat())).toBe('400 invalid_or_expired_token');
  });

  it('of an exchange answers the same session', async () => {
    const claims = { sub: email, email, email_verified: true };
    const { headers } = await new Browser(service).signIn('google', oidc, claims, APP);
    const answer = await expectOneSession('/auth/oauth/exchange', {
      code: new URL(String(headers.location)).searchParams.get('code'),
    });
    expect(answer.body.mfa_required).toBe(false);
  });

  it('leaves no token in Redis or PostgreSQL', async () => {
    const { body } = await signUpByPasskey(service, email, authenticator);
    const answer = await signInByPasskey(service, authenticator);
    const values = await service.sql('SELECT value FROM ephemeral_values');
    for (const token of [body.refresh_token, answer.body.refresh_token, answer.body.access_token])
      expect(JSON.stringify(values)).not.toContain(token);
  });
});
