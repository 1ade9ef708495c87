import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { localeOf, LOCALES } from '../src/mail/locales/locales.js';
import { greetingName } from '../src/mail/compose.js';
import { accountDeletedMail, passwordResetMail, signInLockedMail } from '../src/mail/messages.js';
import { MailServer } from './support/mail-server.js';
import { linkIn, MAIL_DIRECTORY, mailTo } from './support/mailbox.js';
import { type TestApp, uniqueEmail } from './support/app.js';
import { counted, lines, mailer, startMailDatabase, stopMailers, passwordChangedMail } from './support/mailer.js';
import { runInTransaction } from '../src/database/transaction.js';
import { until } from './support/until.js';

const LINK = 'https://app.example/reset-password?token=secret-of-the-link';
const ada = { id: '5f0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11', email: 'ada@example.com', name: 'Ada', locale: 'en' };

let server: MailServer;
let service: TestApp;

beforeAll(async () => {
  service = await startMailDatabase();
});

beforeEach(async () => {
  server = await MailServer.start();
});
afterEach(async () => {
  await stopMailers();
  await server.stop();
});
afterAll(() => service.stopAndDrop());

describe('a message', () => {
  it('has a text and an HTML part with the link, and is marked as auto-generated', async () => {
    await mailer({ SMTP_URL: server.url, MAIL_FROM: 'Meetinity <hello@meetinity.example>' }).send(
      passwordResetMail(ada, LINK),
    );
    const { mail, recipients } = await server.delivery(ada.email);
    expect(recipients).toEqual([ada.email]);
    expect(mail.from!.value).toEqual([{ name: 'Meetinity', address: 'hello@meetinity.example' }]);
    expect(mail.subject).toBe('Set a new password');
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(linkIn(mail).href).toBe(LINK);
    expect(mail.text).toContain('Hello Ada,');
    expect(mail.html).toContain(`href="${LINK}"`);
  });

  it('cannot be given a header, recipient, markup or link by a name', async () => {
    const sender = mailer({ SMTP_URL: server.url });
    const names = [
      'Eve\r\nBcc: victim@example.com\r\n\r\nBuy this',
      '<img src=x onerror=alert(1)>"\'&',
      'You won, see http://evil.example',
      'evil.example',
    ];
    for (const [index, name] of names.entries())
      await sender.send(passwordChangedMail({ ...ada, name, email: `eve${index}@example.com` }));
    const deliveries = await Promise.all(names.map((_, index) => server.delivery(`eve${index}@example.com`)));
    for (const { mail, recipients } of deliveries) {
      expect(recipients).toHaveLength(1);
      expect(mail.headers.has('bcc')).toBe(false);
      expect(mail.html).not.toContain('<img');
      expect(`${mail.text}${mail.html as string}`).not.toContain('evil.example');
    }
    expect(deliveries[1]!.mail.html).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it.each([
    ['Ada Lovelace', 'Ada Lovelace'],
    ['J.R.R. Tolkien', 'J.R.R. Tolkien'],
    ['Анна\u202Eevil', 'Анна evil'],
    ['www evil', null],
    ['a@b', null],
    ['\u200B', null],
    ['\u2800\u3164', null],
    ['evil\u200b.\u2060com', null],
    ['evil。com', null],
    ['evil．ｃｏｍ', null],
    ['ｗｗｗ evil', null],
    ['http：evil', null],
    ['علی\u200cرضا', 'علی\u200cرضا'],
    [`${'x'.repeat(57)}👨‍👩‍👧`, 'x'.repeat(57)],
    [`${'x'.repeat(55)}👨‍👩‍👧`, `${'x'.repeat(55)}👨‍👩‍👧`],
    [`${'x'.repeat(59)}🇫🇷`, 'x'.repeat(59)],
    ['e\u0301'.repeat(61), 'é'.repeat(60)],
  ])('greets %j as %j', (name, greeting) => {
    expect(greetingName(name)).toBe(greeting);
  });
});

describe('the language of a message', () => {
  it.each([
    [null, 'en'],
    ['fr-CA, en;q=0.5', 'fr'],
    ['de, FR;q=0.2, en;q=0.1', 'fr'],
    ['fr;q=0, *', 'en'],
    ['en;q=0.4,fr;q=0.9', 'fr'],
    [`${'x'.repeat(9999)},fr`, 'fr'],
    [`${'de,'.repeat(16)}fr`, 'en'],
    ['fr;q=abc', 'en'],
  ])('by Accept-Language %j is %s', (header, locale) => {
    expect(localeOf(header)).toBe(locale);
  });

  it('is that of the recipient, in the subject, the text and the HTML part', () => {
    const mail = passwordResetMail({ ...ada, locale: 'fr' }, LINK);
    expect(mail.subject).toBe('Choisissez un nouveau mot de passe');
    expect(mail.text).toMatch(/^Bonjour Ada,/);
    expect(mail.html).toContain('<html lang="fr" dir="ltr">');
    expect(mail.html).toContain('Si le bouton ne fonctionne pas');
  });

  it.each(LOCALES)('of a lockout does not say how long it lasts, which is a setting: %s', (locale) => {
    const notice = { at: new Date(), device: null, network: null, link: LINK };
    expect(signInLockedMail({ ...ada, locale }, notice).text).not.toMatch(/\d+ minutes/);
  });

  it('keeps its order around a right-to-left name', () => {
    expect(passwordChangedMail({ ...ada, name: 'שרה' }).text).toMatch(/^Hello \u2068שרה\u2069,/);
  });

  it('is that of the browser at registration, and can be changed in the profile', async () => {
    const body = { email: uniqueEmail(), name: 'Ada', password: 'correct horse battery' };
    const headers = { 'accept-language': 'fr-FR,en;q=0.8' };
    const { body: tokens } = await service.request('POST', '/auth/register', { body, headers });
    expect(tokens.user.locale).toBe('fr');
    const change = (locale: unknown) => service.put('/users/profile', { locale }, tokens.access_token);
    expect((await change('de')).status).toBe(400);
    expect((await change('en')).body.locale).toBe('en');
  });
});

describe('sending', () => {
  it('retries after a temporary refusal under the same Message-ID', async () => {
    server.refusals.push({ status: 451, text: 'try later' }, { status: 421, text: 'try later' });
    const before = await counted('password_changed', 'sent');
    await mailer({ SMTP_URL: server.url }).send(passwordChangedMail(ada));
    await server.delivery(ada.email);
    expect(server.offered).toHaveLength(3);
    expect(new Set(server.offered).size).toBe(1);
    expect(server.offered[0]).toMatch(/^<[0-9a-f-]{36}@meetinity\.local>$/);
    await until(async () => (await counted('password_changed', 'sent')) === before + 1);
  });

  it('parks a message after a permanent refusal, counts it and does not log the recipient', async () => {
    server.refusals.push({ status: 550, text: `no mailbox ${ada.email} here` });
    const before = await counted('password_reset', 'failed');
    await mailer({ SMTP_URL: server.url }).send(passwordResetMail(ada, LINK));
    await until(async () => (await counted('password_reset', 'failed')) === before + 1);
    expect(server.offered).toHaveLength(1);
    expect(lines.join()).toContain(ada.id);
    expect(lines.join()).not.toMatch(/ada@example\.com|secret-of-the-link/);
  });

  it('delivers once the server is back', async () => {
    const { url } = server;
    await server.stop();
    await mailer({ SMTP_URL: url }).send(passwordChangedMail(ada));
    await until(() => lines.some((line) => line.includes('tried again')));
    server = await MailServer.start(Number(new URL(url).port));
    expect((await server.delivery(ada.email)).recipients).toEqual([ada.email]);
  });
});

describe('without a mail server', () => {
  it('writes files with mode 0600 and logs the link for the developer', async () => {
    await mailer().send(passwordResetMail(ada, LINK));
    expect(linkIn(await mailTo(ada.email, 'password_reset')).href).toBe(LINK);
    const [file] = readdirSync(MAIL_DIRECTORY);
    expect(statSync(join(MAIL_DIRECTORY, file!)).mode & 0o077).toBe(0);
    await until(() => lines.some((line) => line.includes(LINK)));
  });

  it('logs no link in production', async () => {
    await mailer({ NODE_ENV: 'production', BCRYPT_COST: '10', PUBLIC_BASE_URL: 'https://api.example' }).send(
      passwordResetMail({ ...ada, email: 'grace@example.com' }, LINK),
    );
    await mailTo('grace@example.com', 'password_reset');
    await until(() => lines.some((line) => line.includes('written')));
    expect(lines.join()).not.toMatch(/secret-of-the-link|grace/);
    expect(lines.join()).toContain('SMTP_URL is not set');
  });

  const filesOf = (address: string) =>
    readdirSync(MAIL_DIRECTORY).filter((name) => readFileSync(join(MAIL_DIRECTORY, name), 'utf8').includes(address));

  it('removes written and queued mail of an erased user only', async () => {
    const [erased, other] = [
      { id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11', email: 'erased@example.com', name: 'Grace', locale: 'en' },
      { id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b12', email: 'other@example.com', name: 'Grace', locale: 'en' },
    ];
    const sender = mailer();
    for (const user of [erased, other]) await sender.send(passwordChangedMail(user));
    await Promise.all([erased, other].map(({ email }) => mailTo(email, 'password_changed')));
    await sender.send(passwordResetMail(erased, LINK));
    await runInTransaction(service.database, async (tx) => {
      await sender.queue.erase(tx, erased.id);
      await sender.queue.add(tx, accountDeletedMail(erased));
    });
    await mailTo(erased.email, 'account_deleted');
    // Like another instance, which claimed a message before the erasure.
    await sender.send(passwordChangedMail(erased));
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
    expect(filesOf(erased.email)).toEqual([expect.stringContaining('account_deleted')]);
    expect(filesOf(other.email)).toHaveLength(1);
  });

  it('keeps the deletion mail and the mark of an erasure for a day', async () => {
    const gone = { ...ada, id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b13', email: 'gone@example.com' };
    const sender = mailer();
    await runInTransaction(service.database, (tx) => sender.queue.erase(tx, gone.id));
    await sender.send(accountDeletedMail(gone));
    await mailTo(gone.email, 'account_deleted');
    const own = () => readdirSync(MAIL_DIRECTORY).filter((name) => name.includes(gone.id));
    expect(own()).toHaveLength(2);
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const name of own()) utimesSync(join(MAIL_DIRECTORY, name), old, old);
    // The first run is at a random time.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    await mailer();
    random.mockRestore();
    await until(() => own().length === 0);
  });
});
