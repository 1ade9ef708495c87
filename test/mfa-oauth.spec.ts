import { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { addTotp, totpCode, WithTotp } from './support/factors.js';
import { OidcProvider } from './support/oidc-provider.js';
import { word } from './support/sessions.js';

const APP = 'https://app.example.com/signed-in';
let oidc: OidcProvider;
let service: TestApp;
let member: WithTotp;
let claims: { sub: string; email: string; email_verified: boolean };

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: APP });
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});
beforeEach(async () => {
  member = await addTotp(service, await service.member());
  await service.sql('UPDATE users SET password_proven_at = now() WHERE id = $1', [member.id]);
  claims = { sub: member.id, email: member.email, email_verified: true };
});

const finish = async (mfa_token: string) =>
  service.post('/auth/mfa/verify', { mfa_token, method: 'totp', code: totpCode(member.secret) });

describe('a sign-in at a provider to an account with a factor', () => {
  it('answers the exchange with mfa_required', async () => {
    const { headers } = await new Browser(service).signIn('google', oidc, claims, APP);
    const code = new URL(String(headers.location)).searchParams.get('code');
    const { status, body } = await service.post('/auth/oauth/exchange', { code });
    expect([status, Object.keys(body).sort()]).toEqual([200, ['expires_in', 'methods', 'mfa_required', 'mfa_token']]);
    expect((await finish(body.mfa_token)).body.user).toMatchObject({ id: member.id, oauth_provider: 'google' });
  });

  it('answers 403 where clients take every 2xx for tokens', async () => {
    const inBrowser = await new Browser(service).signIn('google', oidc, claims);
    const { body: started } = await service.post('/auth/google');
    oidc.signedInAs(claims);
    const back = await oidc.authorize(started.auth_url);
    const params = { code: back.searchParams.get('code'), state: back.searchParams.get('state') };
    const inApp = await service.post('/auth/google/callback', params);
    for (const answer of [inBrowser, inApp]) {
      expect([word(answer), answer.body.methods]).toEqual(['403 mfa_required', ['totp', 'recovery_code']]);
      expect(answer.body.mfa_token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }
    expect((await finish(inApp.body.mfa_token)).status).toBe(200);
  });
});
