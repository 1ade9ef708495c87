import { MailServer } from './support/mail-server.js';
import type { TestApp } from './support/app.js';
import { counted, lines, mailer, startMailDatabase, stopMailers, passwordChangedMail } from './support/mailer.js';
import { until } from './support/until.js';

const ada = { id: '5f0c1f0a-4a3e-4a59-9d6c-6f9e3f0d2b11', email: 'ada@example.com', name: 'Ada', locale: 'en' };
let server: MailServer;
let service: TestApp;

beforeAll(async () => {
  service = await startMailDatabase();
});
afterAll(() => service.stopAndDrop());

beforeEach(async () => {
  server = await MailServer.start();
});
afterEach(async () => {
  await stopMailers();
  await server.stop();
});

describe('a mail server without SMTPUTF8', () => {
  const hidden = { disabledCommands: ['STARTTLS'], hideSMTPUTF8: true };

  it('gets no mail to an address that needs it, which is dropped without the address in the log', async () => {
    await server.stop();
    server = await MailServer.start(0, hidden);
    const before = await counted('password_changed', 'failed');
    const sender = mailer({ SMTP_URL: server.url });
    await sender.send(passwordChangedMail({ ...ada, email: 'jörg@example.com' }));
    await sender.send(passwordChangedMail({ ...ada, email: 'ada@exämple.com' }));
    const { mail } = await until(() => server.deliveries[0]);
    // A domain has an ASCII form.
    expect(mail.headerLines.find(({ key }) => key === 'to')!.line).toBe('To: ada@xn--exmple-cua.com');
    await until(async () => (await counted('password_changed', 'failed')) === before + 1);
    expect(server.offered).toHaveLength(1);
    expect(lines.join()).toContain('the mail server does not offer SMTPUTF8');
    expect(lines.join()).not.toMatch(/j.{1,4}rg|tried again/);
  });

  it('gets headers in ASCII for any names and subjects', async () => {
    await server.stop();
    server = await MailServer.start(0, hidden);
    const mail = { ...passwordChangedMail({ ...ada, name: 'Ада' }), subject: 'Votre mot de passe a été changé' };
    await mailer({ SMTP_URL: server.url, MAIL_FROM: 'Méetinity <hello@meetinity.example>' }).send(mail);
    const { mail: got } = await server.delivery(ada.email);
    expect([got.subject, got.from!.value[0]!.name]).toEqual([mail.subject, 'Méetinity']);
    expect(got.headerLines.map(({ line }) => line).join()).toMatch(/^[\0-\x7f]*$/);
    expect(got.text).toContain('Hello Ада,');
  });
});

it('delivers to a non-ASCII local part through a server with SMTPUTF8', async () => {
  await mailer({ SMTP_URL: server.url }).send(passwordChangedMail({ ...ada, email: 'jörg@example.com' }));
  expect((await server.delivery('jörg@example.com')).recipients).toHaveLength(1);
});

describe('a mail server whose certificate is not trusted', () => {
  it.each([
    ['STARTTLS', {}, 'smtp'],
    ['TLS', { secure: true }, 'smtps'],
  ])('is logged with the reason: %s', async (_, options, scheme) => {
    await server.stop();
    // The library warns of its own test certificate.
    const warned = jest.spyOn(console, 'error').mockReturnValue();
    server = await MailServer.start(0, options);
    warned.mockRestore();
    await mailer({ SMTP_URL: server.url.replace('smtp', scheme) }).send(passwordChangedMail(ada));
    await until(() => lines.some((line) => line.includes('tried again')));
    expect(server.offered).toEqual([]);
    for (const line of lines) {
      expect(line).toMatch(/the certificate of the mail server \(SMTP_URL\) failed: .*(self-signed|expired|altnames)/);
      expect(line).toMatch(/"error":"[A-Z_]*CERT[A-Z_]*"/);
      expect(line).not.toContain(ada.email);
    }
  });
});
