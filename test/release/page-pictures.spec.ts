import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { freePorts } from '../../scripts/services/tools.js';
import { provenMember } from '../support/accounts.js';
import { TestApp, uniqueEmail } from '../support/app.js';
import { addPasskey, Authenticator, signInOptions, signUpByPasskey } from '../support/authenticator.js';
import { launchChromium, PictureFolder } from '../support/chromium.js';
import { describeWith } from '../support/environment.js';
import { addTotp, reauthenticateByTotp } from '../support/factors.js';
import { mailedToken, noticeToken } from '../support/mailbox.js';

const AXE = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = new PictureFolder();

describeWith('chromium', 'the pages behind mailed links', () => {
  let service: TestApp;
  let browser: Browser;
  const paths: Record<string, string> = {};

  beforeAll(async () => {
    const [port] = await freePorts(0);
    // Browsers know no RP ID for an IP address.
    const origin = `http://localhost:${port}`;
    service = await TestApp.start({ PUBLIC_BASE_URL: origin });
    await service.app.listen(port!, '127.0.0.1');
    browser = await launchChromium();
    const fresh = await service.member({ email: 'ada@example.com' });
    paths.verify = `/auth/email/verify?token=${await mailedToken(fresh.email, 'email_verification')}`;
    await service.post('/auth/password/forgot', { email: fresh.email });
    paths.reset = `/auth/password/reset?token=${await mailedToken(fresh.email, 'password_reset')}`;
    await service.post(
      '/auth/password/change',
      {
        current_password: fresh.password,
        new_password: 'another horse battery',
      },
      fresh.access,
    );
    paths['not-me'] = `/auth/account/not-me?token=${await noticeToken(fresh.email, 'password_changed')}`;
    await service.post('/auth/password/forgot', { email: fresh.email });
    paths.reset = `/auth/password/reset?token=${await mailedToken(fresh.email, 'password_reset', 2)}`;
    const factored = await addTotp(service, await provenMember(service));
    await service.sql(`UPDATE users SET email = 'grace@example.com' WHERE id = $1`, [factored.id]);
    const access = await reauthenticateByTotp(service, factored);
    const next = uniqueEmail();
    await service.post('/auth/email/change', { email: next }, access);
    await service.post('/auth/email/verify', { token: await mailedToken(next, 'email_change') }, access);
    paths.undo = `/auth/account/not-me?token=${await noticeToken('grace@example.com', 'email_changed')}`;
    const [holder, authenticator] = [await provenMember(service), new Authenticator()];
    await service.sql(`UPDATE users SET email = 'alan@example.com' WHERE id = $1`, [holder.id]);
    await addPasskey(service, holder, authenticator, { clientData: { origin } });
    const credential = authenticator.get(await signInOptions(service), { clientData: { origin } });
    const { body } = await service.post('/auth/reauthenticate', { credential }, holder.access);
    const change = { current_password: holder.password, new_password: 'another horse battery' };
    await service.post('/auth/password/change', change, body.access_token);
    paths['not-me-passkey'] = `/auth/account/not-me?token=${await noticeToken('alan@example.com', 'password_changed')}`;
    // The page asks for a factor only where the account has no password.
    await service.sql(`UPDATE users SET password_hash = NULL, password_proven_at = NULL WHERE id = $1`, [holder.id]);
    await service.post('/auth/password/forgot', { email: 'alan@example.com' });
    paths['reset-passkey'] = `/auth/password/reset?token=${await mailedToken('alan@example.com', 'password_reset')}`;
    await signUpByPasskey(service, 'edsger@example.com', new Authenticator(), { clientData: { origin } });
    paths['verify-passkey'] =
      `/auth/email/verify?token=${await mailedToken('edsger@example.com', 'email_verification')}`;
    paths.dead = '/auth/account/not-me?token=unknown';
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await service.stopAndDrop();
    pictures.remove();
  });

  async function open(name: string, locale: string, colorScheme: 'light' | 'dark'): Promise<Page> {
    // Only this test's page may run axe, which the policy of the pages forbids.
    const context = await browser.newContext({
      locale,
      colorScheme,
      bypassCSP: true,
      viewport: { width: 480, height: 640 },
    });
    const page = await context.newPage();
    await page.goto(`${service.settings.publicBaseUrl}${paths[name]}`);
    return page;
  }

  it.each(
    ['reset', 'reset-passkey', 'verify', 'verify-passkey', 'not-me', 'not-me-passkey', 'undo', 'dead'].flatMap((name) =>
      ['en', 'fr'].map((locale) => [name, locale] as const),
    ),
  )('%s in %s: axe-core finds nothing', async (name, locale) => {
    for (const scheme of locale === 'en' ? (['light', 'dark'] as const) : (['light'] as const)) {
      const page = await open(name, locale, scheme);
      expect(await page.evaluate('document.documentElement.lang')).toBe(locale);
      expect(await page.locator('#passkey:visible').count()).toBe(name.endsWith('-passkey') ? 1 : 0);
      await page.evaluate(AXE);
      const { violations, passes } = await page.evaluate<{
        violations: { id: string; nodes: { html: string }[] }[];
        passes: unknown[];
      }>('axe.run()');
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      expect(passes.length).toBeGreaterThan(10);
      if (scheme === 'light' && name !== 'dead')
        await page.screenshot({ path: pictures.file(`${name}-${locale}`), fullPage: true });
      await page.context().close();
    }
  });
});
