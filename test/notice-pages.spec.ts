import { type Browser, chromium, type Page } from 'playwright-core';
import { freePorts } from '../scripts/services/tools.js';
import { provenMember } from './support/accounts.js';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { chromiumPath, describeWith } from './support/environment.js';
import { addTotp, freshCodes, totpCode } from './support/factors.js';
import { mailedToken, noticeToken } from './support/mailbox.js';

const NEXT = 'another horse battery';
const FORM = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' };
let service: TestApp;

beforeAll(async () => {
  const [port] = await freePorts(0);
  service = await TestApp.start({ PUBLIC_BASE_URL: `http://127.0.0.1:${port}` });
  await service.app.listen(port!, '127.0.0.1');
});
afterAll(() => service.stopAndDrop());

const titleOf = (text: string) => /<h1>(.*?)<\/h1>/.exec(text)![1];
const show = (path: string, language?: string) =>
  service.get(path, undefined, { accept: 'text/html', ...(language && { 'accept-language': language }) });
const submit = (path: string, fields: Record<string, string>, language?: string) =>
  service.request('POST', path, {
    payload: new URLSearchParams(fields).toString(),
    headers: { ...FORM, ...(language && { 'accept-language': language }) },
  });

async function passwordNotice(member: Member): Promise<string> {
  const body = { current_password: member.password, new_password: NEXT };
  await service.post('/auth/password/change', body, member.access);
  return noticeToken(member.email, 'password_changed');
}

describe('the page of a notice', () => {
  it('uses the link by its button only, and says so when it is opened again', async () => {
    const member = await provenMember(service);
    const token = await passwordNotice(member);
    const path = `/auth/account/not-me?token=${token}`;
    for (const _ of [1, 2]) expect(titleOf((await show(path)).text)).toBe('This was not me');
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
    const { status, text, headers } = await submit('/auth/pages/not-me', { token });
    expect([status, titleOf(text)]).toEqual([200, 'Your account is secured']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    expect(titleOf((await show(path)).text)).toBe('Your account is secured');
    expect(titleOf((await show('/auth/account/not-me?token=unknown')).text)).toBe('This link no longer works');
  });

  it('names the address that it restores, and asks for a factor of before the event', async () => {
    const member = await addTotp(service, await provenMember(service));
    const { body } = await service.post('/auth/reauthenticate', { code: totpCode(member.secret) }, member.access);
    const next = uniqueEmail();
    await service.post('/auth/email/change', { email: next }, body.access_token);
    const link = await mailedToken(next, 'email_change');
    expect((await show(`/auth/email/verify?token=${link}`)).text).toContain(`value="${next}"`);
    expect((await submit('/auth/pages/email-verify', { token: link, password: member.password })).status).toBe(200);
    const token = await noticeToken(member.email, 'email_changed');
    const { text } = await show(`/auth/account/not-me?token=${token}`);
    expect(text).toContain(`becomes ${member.email} again`);
    expect(text).toContain('autocomplete="one-time-code"');
    const wrong = await submit('/auth/pages/not-me', { token, code: '000000' });
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringMatching(/role="alert".*The code is wrong/s)]);
    await freshCodes(service, member);
    expect((await submit('/auth/pages/not-me', { token, code: totpCode(member.secret) })).status).toBe(200);
  });
});

it('the page for a new password asks for a recovery code where a passkey is the only credential', async () => {
  const member = await provenMember(service);
  await service.post('/auth/password/forgot', { email: member.email });
  const token = await mailedToken(member.email, 'password_reset');
  const path = `/auth/password/reset?token=${token}`;
  expect((await show(path)).text).not.toContain('recovery_code');
  await service.sql(
    `UPDATE users SET passkey_status = 'proven', password_hash = NULL, password_proven_at = NULL WHERE id = $1`,
    [member.id],
  );
  expect((await show(path)).text).toContain('name="recovery_code"');
  const form = { token, password: NEXT, password_repeat: NEXT, recovery_code: 'wrong' };
  const { status, text } = await submit('/auth/pages/password-reset', form);
  expect([status, text]).toEqual([
    401,
    expect.stringMatching(/role="alert".*The code is wrong.*name="recovery_code"/s),
  ]);
});

describe('the language of the pages', () => {
  it('is that of the browser, or else of the account, also after a form is sent', async () => {
    const member = await service.member();
    const token = await mailedToken(member.email, 'email_verification');
    const path = `/auth/email/verify?token=${token}`;
    const french = await show(path, 'fr-CA,en;q=0.5');
    expect(french.text).toContain('<html lang="fr" dir="ltr">');
    expect(titleOf(french.text)).toBe('Confirmez votre adresse e-mail');
    expect(titleOf((await show(path)).text)).toBe('Confirm your e-mail address');
    await service.sql(`UPDATE users SET locale = 'fr' WHERE id = $1`, [member.id]);
    expect(titleOf((await show(path)).text)).toBe('Confirmez votre adresse e-mail');
    expect(titleOf((await show(path, 'de, en;q=0.1')).text)).toBe('Confirm your e-mail address');
    const wrong = await submit('/auth/pages/email-verify?lang=fr', { token, password: 'wrong' });
    expect(wrong.text).toMatch(/role="alert".*Le mot de passe est erroné/s);
    const done = await submit('/auth/pages/email-verify?lang=fr', { token });
    expect(titleOf(done.text)).toBe('Adresse confirmée');
  });

  it('is French for errors, too', async () => {
    const member = await service.member();
    await service.post('/auth/password/forgot', { email: member.email });
    const token = await mailedToken(member.email, 'password_reset');
    const form = { token, password: 'short', password_repeat: 'short' };
    expect((await submit('/auth/pages/password-reset', form, 'fr')).text).toContain('au moins 8 caractères');
    expect((await show('/auth/password/reset?token=x', 'fr')).text).toContain('Ce lien ne fonctionne plus');
  });
});

describeWith('chromium', 'in a browser', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
    page = await browser.newPage({ locale: 'fr-FR' });
  }, 60_000);
  afterAll(() => browser.close());

  it('a wrong code can be corrected, in French', async () => {
    const member = await addTotp(service, await provenMember(service));
    const { body } = await service.post('/auth/reauthenticate', { code: totpCode(member.secret) }, member.access);
    await service.post('/users/mfa/recovery-codes', {}, body.access_token);
    const token = await noticeToken(member.email, 'factor_changed', 2);
    await page.goto(`${service.settings.publicBaseUrl}/auth/account/not-me?token=${token}`);
    await page.getByRole('textbox').fill('000000');
    await page.getByRole('button').click();
    expect(await page.getByRole('alert').textContent()).toContain('Le code est erroné');
    await freshCodes(service, member);
    await page.getByRole('textbox').fill(totpCode(member.secret));
    await page.getByRole('button', { name: 'Sécuriser mon compte' }).click();
    expect(await page.getByRole('heading').textContent()).toBe('Votre compte est sécurisé');
  });
});
