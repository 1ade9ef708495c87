import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp, uniqueEmail } from './support/app.js';
import { MailServer } from './support/mail-server.js';
import { linkIn } from './support/mailbox.js';
import { until } from './support/until.js';

const NEXT = 'another horse battery';
let server: MailServer;
let service: TestApp;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meetinity-mail-log-'));
  server = await MailServer.start();
  const log = { LOG_LEVEL: 'warn', LOG_FILE: join(folder, 'log') };
  service = await TestApp.start({ SMTP_URL: server.url, ...log });
});
afterAll(async () => {
  await service.stopAndDrop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const tokenIn = (mail: Parameters<typeof linkIn>[0]) => linkIn(mail).searchParams.get('token')!;

describe('the service and a mail server', () => {
  it('lead from registration through a password reset to the next sign-in', async () => {
    const { email } = await service.member();
    const first = await server.delivery(email);
    expect((await service.post('/auth/email/verify', { token: tokenIn(first.mail) })).status).toBe(204);
    server.deliveries.length = 0;
    await service.post('/auth/password/forgot', { email });
    const second = await server.delivery(email);
    server.deliveries.length = 0;
    const token = tokenIn(second.mail);
    expect((await service.post('/auth/password/reset', { token, password: NEXT })).status).toBe(204);
    expect((await server.delivery(email)).mail.subject).toBe('Your password was changed');
    expect((await service.post('/auth/login', { email, password: NEXT })).status).toBe(200);
  });

  it('send no mail for a transaction that was rolled back', async () => {
    const { email } = await service.member();
    await server.delivery(email);
    server.deliveries.length = 0;
    const again = await service.post('/auth/register', { email, name: 'Twin', password: NEXT });
    expect(again.status).toBe(409);
    await server.delivery((await service.member()).email);
    expect(server.deliveries.map(({ recipients }) => recipients)).not.toContainEqual([email]);
  });

  it('log neither the address nor the link of refused mail', async () => {
    server.refusals.push({ status: 550, text: 'no such mailbox' }, { status: 550, text: 'no such mailbox' });
    const { email } = await service.member();
    await service.post('/auth/password/forgot', { email });
    const log = await until(async () => {
      const text = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
      return text.split('mail given up').length === 3 && text;
    });
    expect(log).not.toMatch(/@example\.com|token=/);
  });
});

describe('an unresponsive mail server', () => {
  it('does not delay requests', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const app = await TestApp.start({ SMTP_URL: `smtp://127.0.0.1:${port}` });
    // The first password starts the worker that judges it.
    await app.member();
    const started = performance.now();
    const { email } = await app.member();
    await app.post('/auth/password/forgot', { email });
    await app.post('/auth/email/resend', { email: uniqueEmail() });
    // The SMTP timeout is five seconds.
    expect(performance.now() - started).toBeLessThan(3000);
    for (const socket of sockets) socket.destroy();
    silent.close();
    await app.stop();
  });
});
