import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { join } from 'node:path';
import { accountDeletedMail, greetingName, passwordChangedMail, passwordResetMail } from '../src/mail/messages.js';
import { MailServer } from './support/mail-server.js';
import { emptyMailbox, linkIn, MAIL_DIRECTORY, mailTo } from './support/mailbox.js';
import { counted, lines, mailer, stopMailers } from './support/mailer.js';
import { until } from './support/until.js';

const LINK = 'https://app.example/reset-password?token=secret-of-the-link';
const ada = { id: '5f0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11', email: 'ada@example.com', name: 'Ada' };

let server: MailServer;

beforeEach(async () => {
  server = await MailServer.start();
});
afterEach(async () => {
  await stopMailers();
  await server.stop();
});
afterAll(emptyMailbox);

describe('a message', () => {
  it('has a text and an HTML part with the link, and is marked as auto-generated', async () => {
    mailer({ SMTP_URL: server.url, MAIL_FROM: 'Meetinity <hello@meetinity.example>' }).send(
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
    names.forEach((name, index) =>
      sender.send(passwordChangedMail({ ...ada, name, email: `eve${index}@example.com` })),
    );
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
    ['علی\u200cرضا', 'علی\u200cرضا'],
    [`${'x'.repeat(57)}👨‍👩‍👧`, 'x'.repeat(57)],
    [`${'x'.repeat(55)}👨‍👩‍👧`, `${'x'.repeat(55)}👨‍👩‍👧`],
    [`${'x'.repeat(59)}🇫🇷`, 'x'.repeat(59)],
    ['e\u0301'.repeat(61), 'é'.repeat(60)],
  ])('greets %j as %j', (name, greeting) => {
    expect(greetingName(name)).toBe(greeting);
  });
});

describe('sending', () => {
  it('retries after a temporary refusal under the same Message-ID', async () => {
    server.refusals.push({ status: 451, text: 'try later' }, { status: 421, text: 'try later' });
    const before = await counted('password_changed', 'sent');
    mailer({ SMTP_URL: server.url }).send(passwordChangedMail(ada));
    await server.delivery(ada.email);
    expect(server.offered).toHaveLength(3);
    expect(new Set(server.offered).size).toBe(1);
    expect(server.offered[0]).toMatch(/^<[0-9a-f-]{36}@meetinity\.local>$/);
    await until(async () => (await counted('password_changed', 'sent')) === before + 1);
  });

  it('drops a message after a permanent refusal, counts it and does not log the recipient', async () => {
    server.refusals.push({ status: 550, text: `no mailbox ${ada.email} here` });
    const before = await counted('password_reset', 'failed');
    mailer({ SMTP_URL: server.url }).send(passwordResetMail(ada, LINK));
    await until(async () => (await counted('password_reset', 'failed')) === before + 1);
    expect(server.offered).toHaveLength(1);
    expect(lines.join()).toContain(ada.id);
    expect(lines.join()).not.toMatch(/ada@example\.com|secret-of-the-link/);
  });

  it('drops a message after the last retry', async () => {
    const before = await counted('password_changed', 'failed');
    mailer({ SMTP_URL: 'smtp://127.0.0.1:1' }).send(passwordChangedMail(ada));
    await until(async () => (await counted('password_changed', 'failed')) === before + 1);
    expect(lines.filter((line) => line.includes('tried again'))).toHaveLength(3);
  });

  it('delivers once the server is back', async () => {
    const { url } = server;
    await server.stop();
    const sender = mailer({ SMTP_URL: url });
    sender.timing.retryDelays = Array.from({ length: 50 }, () => 50);
    sender.send(passwordChangedMail(ada));
    await until(() => lines.some((line) => line.includes('tried again')));
    server = await MailServer.start(Number(new URL(url).port));
    expect((await server.delivery(ada.email)).recipients).toEqual([ada.email]);
  });

  it('drops messages if the queue is full', async () => {
    const before = await counted('password_changed', 'dropped');
    const sender = mailer({ SMTP_URL: server.url });
    for (let count = 0; count < 1010; count += 1) sender.sendLater('password_changed', () => null);
    expect(await counted('password_changed', 'dropped')).toBe(before + 10);
  });
});

describe('shutdown', () => {
  it('sends queued mail, pending retries included', async () => {
    server.refusals.push({ status: 451, text: 'try later' });
    const sender = mailer({ SMTP_URL: server.url });
    sender.timing.retryDelays = [600_000];
    sender.send(passwordChangedMail(ada));
    await until(() => lines.some((line) => line.includes('tried again')));
    for (let count = 0; count < 20; count += 1)
      sender.send(passwordChangedMail({ ...ada, email: `m${count}@example.com` }));
    await sender.onApplicationShutdown();
    expect(server.deliveries).toHaveLength(21);
  });

  it('does not wait forever for an unresponsive server', async () => {
    const sockets: Socket[] = [];
    const silent: Server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const sender = mailer({ SMTP_URL: `smtp://127.0.0.1:${(silent.address() as { port: number }).port}` });
    sender.timing.drainLimit = 300;
    sender.send(passwordChangedMail(ada));
    const started = Date.now();
    await sender.onApplicationShutdown();
    expect(Date.now() - started).toBeLessThan(3000);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe('without a mail server', () => {
  it('writes files with mode 0600 and logs the link for the developer', async () => {
    mailer().send(passwordResetMail(ada, LINK));
    expect(linkIn(await mailTo(ada.email, 'password_reset')).href).toBe(LINK);
    const [file] = readdirSync(MAIL_DIRECTORY);
    expect(statSync(join(MAIL_DIRECTORY, file!)).mode & 0o077).toBe(0);
    await until(() => lines.some((line) => line.includes(LINK)));
  });

  it('logs no link in production', async () => {
    mailer({ NODE_ENV: 'production', BCRYPT_COST: '10', PUBLIC_BASE_URL: 'https://api.example' }).send(
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
      { id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11', email: 'erased@example.com', name: 'Grace' },
      { id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b12', email: 'other@example.com', name: 'Grace' },
    ];
    const sender = mailer();
    for (const user of [erased, other]) sender.send(passwordChangedMail(user));
    await Promise.all([erased, other].map(({ email }) => mailTo(email, 'password_changed')));
    sender.send(passwordResetMail(erased, LINK));
    await sender.erase(erased.id);
    // Like another instance, whose queue still holds a message.
    const late = mailer();
    late.send(passwordChangedMail(erased));
    await late.onApplicationShutdown();
    sender.send(accountDeletedMail(erased));
    await sender.onApplicationShutdown();
    expect(filesOf(erased.email)).toEqual([expect.stringContaining('account_deleted')]);
    expect(filesOf(other.email)).toHaveLength(1);
  });

  it('keeps the deletion mail and the mark of an erasure for a day', async () => {
    const gone = { ...ada, id: '7a0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b13', email: 'gone@example.com' };
    const sender = mailer();
    await sender.erase(gone.id);
    sender.send(accountDeletedMail(gone));
    await mailTo(gone.email, 'account_deleted');
    const own = () => readdirSync(MAIL_DIRECTORY).filter((name) => name.includes(gone.id));
    expect(own()).toHaveLength(2);
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const name of own()) utimesSync(join(MAIL_DIRECTORY, name), old, old);
    // The first run is at a random time.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    mailer();
    random.mockRestore();
    await until(() => own().length === 0);
  });
});
