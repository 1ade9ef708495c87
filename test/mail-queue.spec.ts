import { createServer, type Server, Socket } from 'node:net';
import { accountDeletedMail, passwordResetMail } from '../src/mail/messages.js';
import type { TestApp } from './support/app.js';
import { MailServer } from './support/mail-server.js';
import { lines, mailer, startMailDatabase, stopMailers, passwordChangedMail } from './support/mailer.js';
import { runHosted } from './support/scripts.js';
import { until } from './support/until.js';

const LINK = 'https://app.example/reset-password?token=secret-of-the-link';
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

describe('a queued message', () => {
  it('parks a message after a day, without its address in the log', async () => {
    await mailer({ SMTP_URL: 'smtp://127.0.0.1:1' }).send(passwordChangedMail(ada));
    await until(() => lines.some((line) => line.includes('tried again')));
    await service.sql(`UPDATE mail_queue SET created_at = now() - interval '25 hours'`);
    const [row] = await until(async () => {
      const rows = await service.sql('SELECT last_error FROM mail_queue WHERE failed_at IS NOT NULL');
      return rows.length > 0 && rows;
    });
    expect(row).toEqual({ last_error: 'ECONNREFUSED' });
    expect(lines.join()).toContain('mail given up');
    expect(lines.join()).not.toContain(ada.email);
  });

  it('deletes the notice of an erasure after a day instead of parking it', async () => {
    await mailer({ SMTP_URL: 'smtp://127.0.0.1:1' }).send(accountDeletedMail(ada));
    await service.sql(`UPDATE mail_queue SET created_at = now() - interval '25 hours'`);
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
  });

  it('encrypts what waits, and parks what does not decrypt in its row', async () => {
    server.refusals.push(...Array.from({ length: 9 }, () => ({ status: 451, text: 'try later' })));
    await mailer({ SMTP_URL: server.url }).send(passwordResetMail(ada, LINK));
    const [row] = await service.sql('SELECT mail_queue::text AS text FROM mail_queue');
    expect(row!.text).not.toMatch(/ada@example|secret-of-the-link|Hello/);
    const move = `UPDATE mail_queue
      SET id = gen_random_uuid(), attempts = 0, next_attempt_at = now(), created_at = now() - interval '25 hours'`;
    await until(async () => {
      await service.sql(move);
      return lines.some((line) => line.includes('given up') && line.includes('Error'));
    });
    expect(server.deliveries).toEqual([]);
  });

  it('parks a message that ends every process which sends it', async () => {
    const { send } = mailer({ SMTP_URL: server.url });
    server.refusals.push({ status: 451, text: 'try later' });
    await send(passwordChangedMail(ada));
    await service.sql('UPDATE mail_queue SET attempts = 50');
    await until(() => lines.some((line) => line.includes('TooManyAttempts')));
  });

  it('sends a bundled notice once an hour, then the latest', async () => {
    const { send } = mailer({ SMTP_URL: server.url });
    const notice = (name: string) => passwordChangedMail({ ...ada, name });
    await send(notice('First'), true);
    await server.delivery(ada.email);
    await until(async () => (await service.sql(`SELECT FROM mail_queue WHERE contents = ''`)).length === 1);
    for (const name of ['Second', 'Third']) await send(notice(name), true);
    expect(server.deliveries).toHaveLength(1);
    await service.sql('UPDATE mail_queue SET next_attempt_at = now()');
    await until(() => server.deliveries.length === 2);
    expect(server.deliveries[1]!.mail.text).toContain('Hello Third,');
    await until(async () => (await service.sql(`SELECT FROM mail_queue WHERE contents = ''`)).length === 1);
    await service.sql('UPDATE mail_queue SET next_attempt_at = now()');
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
    expect(server.deliveries).toHaveLength(2);
  });
});

describe('npm run mail', () => {
  it('lists parked mails without addresses, has one sent and drops the others', async () => {
    server.refusals.push(...Array.from({ length: 2 }, () => ({ status: 550, text: `no ${ada.email} here` })));
    const { send } = mailer({ SMTP_URL: server.url });
    for (const link of [LINK, `${LINK}-2`]) await send(passwordResetMail(ada, link));
    const parked = () => service.sql('SELECT id FROM mail_queue WHERE failed_at IS NOT NULL ORDER BY created_at');
    const [first] = await until(async () => (await parked()).length === 2 && (await parked()));
    const { stdout } = await runHosted('mail', ['list', '--parked']);
    expect(stdout.trim().split('\n')).toEqual(
      Array(2).fill(expect.stringMatching(/^[\da-f-]{36} {2}password_reset {2}user .* parked .* 550$/)),
    );
    expect(stdout).not.toContain('@');
    const retried = await runHosted('mail', ['retry', '--id', first!.id]);
    expect(retried).toMatchObject({ code: 0, stdout: '1 mails to be sent now\n' });
    expect((await server.delivery(ada.email)).mail.text).toContain(LINK);
    const dropped = await runHosted('mail', ['drop', '--parked', '--yes']);
    expect(dropped).toMatchObject({ code: 0, stdout: '1 mails dropped\n' });
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
    expect(server.deliveries).toHaveLength(1);
  });
});

describe('several processes', () => {
  it('share the queue: every message is sent once', async () => {
    const senders = Array.from({ length: 4 }, () => mailer({ SMTP_URL: server.url }));
    await Promise.all(
      Array.from({ length: 80 }, (_, index) =>
        senders[index % 4]!.send(passwordChangedMail({ ...ada, email: `m${index}@example.com` })),
      ),
    );
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
    expect(new Set(server.deliveries.map(({ recipients }) => recipients[0])).size).toBe(80);
    expect(server.deliveries).toHaveLength(80);
  });

  it('take over a message from a process that stopped, after its lease', async () => {
    const sockets: Socket[] = [];
    const silent: Server = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stopped = mailer({ SMTP_URL: `smtp://127.0.0.1:${(silent.address() as { port: number }).port}` });
    Object.assign(stopped.sender.timing, { drainLimit: 100, leaseSeconds: 1 });
    await stopped.send(passwordChangedMail(ada));
    await until(() => sockets.length > 0);
    await stopped.sender.onApplicationShutdown();
    await mailer({ SMTP_URL: server.url }).sender.idle();
    expect((await server.delivery(ada.email)).recipients).toEqual([ada.email]);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});
