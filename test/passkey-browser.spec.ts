import { Browser, CDPSession, chromium, Page } from 'playwright-core';
import { freePorts } from '../scripts/services/tools.js';
import { TestApp, uniqueEmail } from './support/app.js';
import { chromiumPath, describeWith } from './support/environment.js';
import { mailedToken, noticeToken } from './support/mailbox.js';

/** What a front end needs of WebAuthn and of the service: no library. */
const PAGE = `<!doctype html><title>Passkeys</title><input id="user" autocomplete="username webauthn" />
<script>
  const post = async (path, body = {}, token) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: 'Bearer ' + token }) };
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  };
  const create = async (options) =>
    (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })).toJSON();
  const get = async (options, mediation) =>
    (await navigator.credentials.get({ mediation, publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })).toJSON();
  const ceremony = async (path, body, make, finish, more = {}) => {
    const started = await post(path, body);
    return post(finish, { ...more, credential: await make(started.body.options) });
  };
  const signUp = (email) =>
    ceremony('/auth/passkeys/register/options', { email, name: 'Ada' }, create, '/auth/passkeys/register');
  const signIn = (mediation) =>
    ceremony('/auth/passkeys/options', {}, (options) => get(options, mediation), '/auth/passkeys/login');
  const second = (mfa_token) =>
    ceremony('/auth/mfa/options', { mfa_token }, get, '/auth/mfa/verify', { mfa_token, method: 'passkey' });
</script>`;

describeWith('chromium', 'passkeys in a browser', () => {
  let service: TestApp;
  let browser: Browser;
  let page: Page;
  let cdp: CDPSession;
  let authenticatorId: string;
  /** Requests of the page to the service. */
  let requests: string[];

  beforeAll(async () => {
    const [port] = await freePorts(0);
    // Browsers know no RP ID for an IP address.
    const base = `http://localhost:${port}`;
    service = await TestApp.start({ PUBLIC_BASE_URL: base });
    await service.app.listen(port!, '127.0.0.1');
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
    await page.route(`${base}/front-end`, (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
    page.on('request', (request) => request.method() === 'POST' && requests.push(new URL(request.url()).pathname));
    cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable', { enableUI: false });
    ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        ctap2Version: 'ctap2_1',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    }));
    await page.goto(`${base}/front-end`);
  });
  afterAll(async () => {
    await browser.close();
    await service.stopAndDrop();
  });
  beforeEach(async () => {
    requests = [];
    await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
  });

  const run = (expression: string) => page.evaluate(expression) as Promise<{ status: number; body: any }>;
  async function signUp() {
    const email = uniqueEmail();
    const { status, body } = await run(`signUp('${email}')`);
    expect([status, body.user?.email]).toEqual([201, email]);
    return body as { user: { id: string; email: string }; access_token: string };
  }

  it('signs up in two requests, and returns by autofill with nothing typed in two', async () => {
    const { user } = await signUp();
    expect(requests.splice(0)).toEqual(['/auth/passkeys/register/options', '/auth/passkeys/register']);
    const { status, body } = await run(`signIn('conditional')`);
    expect([status, body.user?.id]).toEqual([200, user.id]);
    expect(requests).toEqual(['/auth/passkeys/options', '/auth/passkeys/login']);
  });

  it('finishes a sign-in by password', async () => {
    const { user, access_token: access } = await signUp();
    await service.post('/auth/email/verify', { token: await mailedToken(user.email, 'email_verification') }, access);
    const [{ password_hash: hash }] = (await service.sql('SELECT password_hash FROM users WHERE id = $1', [
      (await service.member({ password: 'correct horse battery' })).id,
    ])) as [{ password_hash: string }];
    await service.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [user.id, hash]);
    const login = { email: user.email, password: 'correct horse battery' };
    const { mfa_token } = (await service.post('/auth/login', login)).body;
    const { status, body } = await run(`second('${mfa_token}')`);
    expect([status, body.user?.id]).toEqual([200, user.id]);
  });

  it('refuses a copy of a passkey', async () => {
    await signUp();
    expect((await run('signIn()')).status).toBe(200);
    const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
    await cdp.send('WebAuthn.clearCredentials', { authenticatorId });
    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credentials[0]!, signCount: 0 } });
    const { status, body } = await run('signIn()');
    expect([status, body.error?.type]).toEqual([401, 'invalid_passkey']);
  });

  it('stands for a password and for codes on the pages of the service, which run no script without one', async () => {
    const scripts = () => page.locator('script').count();
    const button = page.getByRole('button', { name: 'Use a passkey' });
    const open = (path: string, token: string) => page.goto(`${service.settings.publicBaseUrl}${path}?token=${token}`);
    const heading = (title: string) => page.getByRole('heading', { name: title }).waitFor();
    const { user } = await signUp();
    const statusOf = `SELECT passkey_status, password_hash IS NOT NULL AS has_password FROM users WHERE id = $1`;

    await open('/auth/email/verify', await mailedToken(user.email, 'email_verification'));
    await button.click();
    await heading('Your address is confirmed');
    expect(await service.sql(statusOf, [user.id])).toEqual([{ passkey_status: 'proven', has_password: false }]);
    expect(await scripts()).toBe(0);

    await service.post('/auth/password/forgot', { email: user.email });
    await open('/auth/password/reset', await mailedToken(user.email, 'password_reset'));
    await page.getByLabel('Recovery code').waitFor();
    for (const label of ['New password', 'Repeat the password'])
      await page.getByLabel(label).fill('another horse battery');
    await button.click();
    await heading('Your new password is set');
    expect(await service.sql(statusOf, [user.id])).toEqual([{ passkey_status: 'proven', has_password: true }]);

    await open('/auth/account/not-me', await noticeToken(user.email, 'password_changed'));
    await button.click();
    await heading('Your account is secured');
    expect(await service.sql(statusOf, [user.id])).toEqual([{ passkey_status: 'proven', has_password: false }]);

    const { email } = await service.member();
    await open('/auth/email/verify', await mailedToken(email, 'email_verification'));
    expect([await button.count(), await scripts()]).toEqual([0, 0]);
    await page.goto(`${service.settings.publicBaseUrl}/front-end`);
  }, 60_000);
});
