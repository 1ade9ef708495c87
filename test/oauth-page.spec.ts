import { chromium } from 'playwright-core';
import { freePorts } from '../scripts/services/tools.js';
import { TestApp } from './support/app.js';
import { chromiumPath, describeWith } from './support/environment.js';
import { OidcProvider, person } from './support/oidc-provider.js';

const APP = 'https://app.example/signed-in';
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const FORM = { ...BROWSER, 'content-type': 'application/x-www-form-urlencoded' };

let oidc: OidcProvider;
let service: TestApp;
let base: string;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  const [port] = await freePorts(0);
  base = `http://localhost:${port}`;
  const values = { OAUTH_START: 'page', OAUTH_REDIRECT_ALLOWLIST: APP, PUBLIC_BASE_URL: base };
  service = await TestApp.start({ ...oidc.values, ...values });
  await service.app.listen(port!, '127.0.0.1');
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

const open = (path: string, headers: Record<string, string> = BROWSER) => service.get(path, undefined, headers);

describe.each(['google', 'linkedin'])('OAUTH_START=page with %s', (provider) => {
  it('answers a page that is the same for everyone: no redirect, no state, no cookie', async () => {
    const [one, two] = [await open(`/auth/oauth/${provider}`), await open(`/auth/oauth/${provider}`)];
    expect([one.status, one.headers['set-cookie'], one.headers.location]).toEqual([200, undefined, undefined]);
    expect(one.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(one.text).toBe(two.text);
    expect(one.text).not.toMatch(/state|https?:/);
  });

  it('refuses what a start would refuse', async () => {
    const { status, body } = await open(`/auth/oauth/${provider}?redirect_uri=https://evil.example`);
    expect([status, body.error.type]).toEqual([400, 'redirect_not_allowed']);
  });

  it('sets the cookie with the answer to the POST, which leads to the provider without a redirect', async () => {
    const answer = await service.request('POST', `/auth/oauth/${provider}?redirect_uri=${APP}`, {
      payload: '',
      headers: FORM,
    });
    expect([answer.status, answer.headers.location]).toEqual([200, undefined]);
    expect(String(answer.headers['set-cookie'])).toMatch(/HttpOnly.*SameSite=Lax/i);
    const url = /url=([^"]+)"/.exec(answer.text)![1]!.replaceAll('&amp;', '&');
    expect(url).toContain(`${oidc.url}/authorize?`);
    oidc.signedInAs(person());
    const back = await oidc.authorize(url);
    const cookie = String(answer.headers['set-cookie']).split(';')[0]!;
    const done = await open(back.pathname + back.search, { ...BROWSER, cookie });
    expect([done.status, new URL(String(done.headers.location)).searchParams.has('code')]).toEqual([302, true]);
    // The same callback in another browser.
    expect((await open(back.pathname + back.search)).status).toBe(400);
  });

  it('still answers JSON to those who ask for it', async () => {
    const { body } = await open(`/auth/oauth/${provider}`, { accept: 'application/json' });
    expect(body).toEqual({ auth_url: expect.stringContaining('/authorize?'), state: expect.any(String) });
  });
});

describeWith('chromium', 'OAUTH_START=page in a browser', () => {
  it.each([true, false])(
    'signs in with nothing clicked; without scripts by the buttons (scripts: %s)',
    async (scripts) => {
      oidc.signedInAs(person());
      const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
      const page = await (await browser.newContext({ javaScriptEnabled: scripts })).newPage();
      await page.goto(`${base}/auth/oauth/google`);
      if (!scripts) await page.getByRole('button', { name: 'Continue to Google' }).click();
      await page.waitForURL(/\/auth\/google\/callback|\/auth\/oauth\/google\/callback/, { timeout: 15_000 });
      expect(await page.textContent('body')).toContain('access_token');
      await browser.close();
    },
    60_000,
  );
});
