import { type Browser, chromium, type Page } from 'playwright-core';
import { freePorts } from '../scripts/services/tools.js';
import { tokenHash } from '../src/crypto/tokens.js';
import { Answer, TestApp } from './support/app.js';
import { chromiumPath, describeWith } from './support/environment.js';
import { linkIn, mailTo } from './support/mailbox.js';

const NEXT = 'another horse battery';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
let service: TestApp;

beforeAll(async () => {
  const [port] = await freePorts(0);
  service = await TestApp.start({ PUBLIC_BASE_URL: `http://127.0.0.1:${port}` });
  await service.app.listen(port!, '127.0.0.1');
});
afterAll(() => service.stopAndDrop());

const login = (email: string, password: string) => service.post('/auth/login', { email, password });
const pathOf = (link: URL) => link.pathname + link.search;

async function links() {
  const { email, password } = await service.member();
  await service.post('/auth/password/forgot', { email });
  const reset = linkIn(await mailTo(email, 'password_reset'));
  const verify = linkIn(await mailTo(email, 'email_verification'));
  return { email, password, reset, verify, token: reset.searchParams.get('token')! };
}

function submit(path: string, fields: Record<string, string>, headers: Record<string, string> = BROWSER) {
  const payload = new URLSearchParams(fields).toString();
  return service.request('POST', path, { payload, headers: { ...FORM, ...headers } });
}

describe('the pages', () => {
  it('have no scripts, load nothing, and are not framed, cached or sent as referrer', async () => {
    const { reset, verify } = await links();
    for (const link of [reset, verify]) {
      const { status, headers, text } = await service.get(pathOf(link), undefined, BROWSER);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'referrer-policy': 'no-referrer',
        'cache-control': 'private, no-store',
        'x-frame-options': 'DENY',
      });
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      );
      // Hidden, and open to password managers and pasting.
      expect(text).toMatch(/name="password"\s+type="password"\s+autocomplete="(new|current)-password"/);
      expect(text).not.toMatch(/<script|javascript:|\son\w+=|\sstyle=|https?:/i);
    }
  });

  it('do not consume a link when they are opened', async () => {
    const { email, reset, verify, token } = await links();
    for (let count = 0; count < 3; count += 1)
      for (const link of [reset, verify]) expect((await service.get(pathOf(link))).status).toBe(200);
    expect((await service.request('GET', `${pathOf(reset)}&utm_source=mail`)).status).toBe(200);
    expect((await login(email, NEXT)).status).toBe(401);
    const answer = await submit('/auth/pages/password-reset', { token, password: NEXT, password_repeat: NEXT });
    expect(answer.status).toBe(200);
    expect((await login(email, NEXT)).status).toBe(200);
  });

  it('show the error and keep the link valid', async () => {
    const { token } = await links();
    const short = await submit('/auth/pages/password-reset', { token, password: 'short', password_repeat: 'short' });
    const differ = await submit('/auth/pages/password-reset', { token, password: NEXT, password_repeat: 'x' });
    expect([short.status, differ.status]).toEqual([400, 400]);
    expect(short.text).toMatch(/role="alert".*at least 8 characters/s);
    expect(differ.text).toMatch(/role="alert".*the two passwords differ/s);
    for (const { text, headers } of [short, differ]) {
      expect(text).toContain(`value="${token}"`);
      expect(text).not.toContain(NEXT);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    }
    const done = await submit('/auth/pages/password-reset', { token, password: NEXT, password_repeat: NEXT });
    expect(done.text).toContain('Your new password is set');
  });

  it('answer an invalid link with a page or, to a program, with the error body', async () => {
    const { reset, token } = await links();
    await service.sql(`DELETE FROM one_time_tokens WHERE token_hash = $1`, [tokenHash(token)]);
    for (const path of [pathOf(reset), '/auth/password/reset', '/auth/email/verify?token=a&token=b']) {
      const page = await service.get(path, undefined, BROWSER);
      expect([page.status, /no longer works/.test(page.text)]).toEqual([400, true]);
      const body = await service.get(path);
      expect([body.status, body.body.error.type]).toEqual([400, 'invalid_or_expired_token']);
    }
    const again = await submit('/auth/pages/password-reset', { token, password: NEXT, password_repeat: NEXT }, {});
    expect([again.status, again.body.error.type]).toEqual([400, 'invalid_or_expired_token']);
  });

  it('show the result of a used link when it is opened again', async () => {
    const { email, password, reset, verify, token } = await links();
    const verification = { token: verify.searchParams.get('token')!, password };
    const form = { token, password: NEXT, password_repeat: NEXT };
    const titles = async (answers: Promise<Answer>[]) =>
      (await Promise.all(answers)).map(({ status, text }) => [status, /<h1>(.*?)<\/h1>/.exec(text)![1]]);
    expect(await titles([submit('/auth/pages/email-verify', verification)])).toEqual([
      [200, 'Your address is confirmed'],
    ]);
    expect(await titles([submit('/auth/pages/email-verify', verification), service.get(pathOf(verify))])).toEqual([
      [200, 'Your address is already confirmed'],
      [200, 'Your address is already confirmed'],
    ]);
    const double = [submit('/auth/pages/password-reset', form), submit('/auth/pages/password-reset', form)];
    expect(await titles(double)).toEqual([
      [200, 'Your new password is set'],
      [200, 'Your new password is set'],
    ]);
    expect(await titles([service.get(pathOf(reset))])).toEqual([[200, 'Your new password is set']]);
    expect((await login(email, NEXT)).status).toBe(200);
  });

  it('allow a wrong password to be corrected or left out', async () => {
    const { verify } = await links();
    const token = verify.searchParams.get('token')!;
    const wrong = await submit('/auth/pages/email-verify', { token, password: 'not that one' });
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining(`value="${token}"`)]);
    expect(wrong.text).toMatch(/role="alert".*The password is wrong/s);
    expect((await submit('/auth/pages/email-verify', { token, password: '' })).status).toBe(200);
  });

  it('escape all input', async () => {
    const token = '"><img src=x onerror=alert(1)>';
    const form = { token, email: token, password: 'x', password_repeat: 'y' };
    const answer = await submit('/auth/pages/password-reset', form);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain('<img');
  });

  it('are the only routes that accept forms', async () => {
    const { token } = await links();
    const api = await submit('/auth/password/reset', { token, password: NEXT });
    expect([api.status, api.body.error.type]).toEqual([415, 'unsupported_media_type']);
    for (const payload of ['__proto__=x', 'token=%00'])
      expect((await service.request('POST', '/auth/pages/email-verify', { payload, headers: FORM })).status).toBe(400);
  });

  it('work under a prefix', async () => {
    const { verify } = await links();
    const { text } = await service.get(`/api${pathOf(verify)}`, undefined, BROWSER);
    const action = /action="([^"]+)"/.exec(text)![1]!;
    expect(new URL(action, `https://x.example/api${verify.pathname}`).pathname).toBe('/api/auth/pages/email-verify');
  });
});

describeWith('chromium', 'in a browser', () => {
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
  }, 60_000);
  beforeEach(async () => {
    page = await browser.newPage();
    complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterEach(() => page.close());
  afterAll(() => browser.close());

  it('reset a forgotten password', async () => {
    const { email, password, reset } = await links();
    await page.goto(reset.href);
    expect(await page.title()).toBe('Set a new password – Meetinity');
    // The style sheet that the policy names by its hash is in force.
    expect(await page.evaluate(`getComputedStyle(document.querySelector('main')).borderRadius`)).toBe('12px');
    expect(await page.getByLabel('Account').inputValue()).toBe(email);
    await page.getByLabel('New password').fill('password');
    await page.getByLabel('Repeat the password').fill('password');
    await page.getByRole('button').click();
    expect(await page.getByRole('alert').textContent()).toContain('easy to guess');
    expect(await page.getByLabel('Account').inputValue()).toBe(email);
    await page.getByLabel('New password').fill(NEXT);
    await page.getByLabel('Repeat the password').fill(NEXT);
    await page.getByRole('button').click();
    expect(await page.getByRole('status').textContent()).toContain('sign in');
    expect(page.url()).not.toContain('token');
    expect((await login(email, NEXT)).status).toBe(200);
    expect((await login(email, password)).status).toBe(401);
    // The 400 of the first try is reported by every browser.
    expect(complaints.filter((text) => !text.includes('400'))).toEqual([]);
  });

  it('verify the address of a new user, and show it as verified afterwards', async () => {
    const { email, password, verify } = await links();
    await page.goto(verify.href);
    await page.getByLabel('Your password').fill(password);
    await page.getByRole('button', { name: 'Confirm the address' }).click();
    expect(await page.getByRole('heading').textContent()).toBe('Your address is confirmed');
    expect(complaints).toEqual([]);
    expect((await login(email, password)).body.user.is_verified).toBe(true);
    await page.goto(verify.href);
    expect(await page.getByRole('heading').textContent()).toBe('Your address is already confirmed');
    expect(
      await service.sql('SELECT password_proven_at IS NOT NULL AS proven FROM users WHERE email = $1', [email]),
    ).toEqual([{ proven: true }]);
  });
});
