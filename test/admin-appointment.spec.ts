import { setTimeout as sleep } from 'node:timers/promises';
import { TestApp, uniqueEmail } from './support/app.js';
import { runScript } from './support/scripts.js';
import { until } from './support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const adminCreate = (...args: string[]) => runScript('admin-create', args);

const roleOf = async (email: string) =>
  (await service.sql('SELECT role FROM users WHERE email = $1', [email]))[0]?.role;

describe('ADMIN_BOOTSTRAP_EMAIL', () => {
  it('waits for the address to be confirmed, and stands aside once there is an administrator', async () => {
    const email = uniqueEmail();
    const { id, access } = await service.member({ email });
    const first = await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: email.toUpperCase() });
    expect(await roleOf(email)).toBe('user');
    await service.sql('UPDATE users SET is_verified = true, email_verified_at = now() WHERE id = $1', [id]);
    await until(async () => (await roleOf(email)) === 'admin', 10_000);
    await first.stop();
    expect((await service.get('/users/profile', access)).status).toBe(401);
    const [audit] = await service.sql(`SELECT reason, after FROM audit_logs WHERE action = 'user.role_changed'`);
    expect(audit).toEqual({ reason: 'ADMIN_BOOTSTRAP_EMAIL', after: { role: 'admin' } });

    const late = await service.member();
    await service.sql('UPDATE users SET is_verified = true, email_verified_at = now() WHERE id = $1', [late.id]);
    await (await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: late.email })).stop();
    expect(await roleOf(late.email)).toBe('user');
  });
});

describe('npm run admin:create', () => {
  it('makes an account and prints a password that opens it once', async () => {
    const email = uniqueEmail();
    const { code, output } = await adminCreate('--email', email, '--name', 'Root');
    expect(code).toBe(0);
    const password = /now: (\S+)/.exec(output)![1];
    const { body } = await service.post('/auth/login', { email, password });
    expect((await service.get('/admin/me', body.access_token)).body).toMatchObject({
      email,
      name: 'Root',
      role: 'admin',
    });
  }, 60_000);

  it('promotes an account that exists, with event and audit entry, and ends its sessions', async () => {
    const { id, email, access } = await service.member();
    const { code, output } = await adminCreate('--email', email);
    expect([code, await roleOf(email)]).toEqual([0, 'admin']);
    expect(output).not.toMatch(/Password/);
    expect((await service.get('/users/profile', access)).status).toBe(401);
    const events = await service.sql(`SELECT payload FROM outbox_events WHERE user_id = $1 ORDER BY id DESC LIMIT 1`, [
      id,
    ]);
    expect(events).toEqual([{ payload: { updated_fields: ['role'] } }]);
  }, 60_000);

  it('takes the password of a new account from standard input, by the rules for passwords', async () => {
    const email = uniqueEmail();
    const args = ['--email', email, '--password-stdin'];
    const weak = await runScript('admin-create', args, { input: 'short\n' });
    expect([weak.code, weak.output]).toEqual([1, expect.stringMatching(/must have at least 8 characters/)]);
    const { code, output } = await runScript('admin-create', args, { input: 'six words that nobody guesses\n' });
    expect([code, output]).toEqual([0, expect.not.stringMatching(/assword/)]);
    const { body } = await service.post('/auth/login', { email, password: 'six words that nobody guesses' });
    expect(body.user.role).toBe('admin');
  }, 60_000);

  it('leaves the event to the service: no relay of its own stands by meanwhile', async () => {
    const variables = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
    const ended = new AbortController();
    const running = runScript('admin-create', ['--email', uniqueEmail()], { variables }).finally(() => ended.abort());
    const seen = new Set<string>();
    for (; !ended.signal.aborted; await sleep(5)) {
      const sessions = await service.sql(
        `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      for (const { application_name } of sessions) seen.add(application_name);
    }
    expect((await running).code).toBe(0);
    expect([...seen]).not.toContain('meetinity-user-service relay');
  }, 60_000);

  it('says how it is used where the address is missing', async () => {
    const { code, output } = await adminCreate();
    expect([code, output]).toEqual([1, expect.stringMatching(/^usage: npm run admin:create/)]);
  }, 60_000);
});
