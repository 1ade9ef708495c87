import { setTimeout as sleep } from 'node:timers/promises';
import { auditOf, eventsOf, member, provenMember } from '../support/accounts.js';
import { TestApp, uniqueEmail } from '../support/app.js';
import { workerDatabase } from '../support/environment.js';
import { mailedToken, mailsTo } from '../support/mailbox.js';
import { runHosted, runScript } from '../support/scripts.js';
import { until } from '../support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const adminCreate = (...args: string[]) => runHosted('admin-create', args);

const roleOf = async (email: string) =>
  (await service.sql('SELECT role FROM users WHERE email = $1', [email]))[0]?.role;

/** The service with `ADMIN_BOOTSTRAP_EMAIL`, until it has found its administrator. */
async function bootstrapped(email: string): Promise<void> {
  const first = await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: email });
  await until(async () => (await roleOf(email)) === 'admin', 10_000);
  await first.stop();
}

const login = (email: string, password: string) => service.post('/auth/login', { email, password });
const confirm = async (email: string) =>
  service.post('/auth/email/verify', { token: await mailedToken(email, 'email_verification') });

describe('ADMIN_BOOTSTRAP_EMAIL', () => {
  afterEach(() => service.sql(`UPDATE users SET role = 'user' WHERE role = 'admin'`));

  it('waits for a verified address, and does nothing once there is an administrator', async () => {
    const { email } = await service.member();
    const first = await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: email.toUpperCase() });
    expect(await roleOf(email)).toBe('user');
    await confirm(email);
    await until(async () => (await roleOf(email)) === 'admin', 10_000);
    await first.stop();
    const [audit] = await service.sql(`SELECT reason, after FROM audit_logs WHERE action = 'user.role_changed'`);
    expect(audit).toEqual({ reason: 'ADMIN_BOOTSTRAP_EMAIL', after: { role: 'admin' } });

    const late = await service.member();
    await confirm(late.email);
    await (await TestApp.start({ ADMIN_BOOTSTRAP_EMAIL: late.email })).stop();
    expect(await roleOf(late.email)).toBe('user');
  }, 20_000);

  it('promotes the owner of the mailbox, not a squatter of the address', async () => {
    const squatter = await service.member();
    await confirm(squatter.email);
    await bootstrapped(squatter.email);
    expect((await service.get('/admin/me', squatter.access)).status).toBe(401);
    expect((await service.post('/auth/refresh', { refresh_token: squatter.refresh })).status).toBe(401);
    expect((await login(squatter.email, squatter.password)).status).toBe(401);

    const token = await mailedToken(squatter.email, 'first_administrator');
    const password = 'chosen by the owner of the mailbox';
    expect((await service.post('/auth/password/reset', { token, password })).status).toBe(204);
    const { body } = await login(squatter.email, password);
    expect((await service.get('/admin/me', body.access_token)).body.role).toBe('admin');
    const events = await service.sql(
      `SELECT payload FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id`,
      [squatter.id],
    );
    expect(events.map(({ payload }) => payload)).toContainEqual({ updated_fields: ['has_password', 'role'] });
  }, 20_000);

  it('keeps a password that was set through a mailed link', async () => {
    const { email, access } = await service.member();
    const password = 'chosen by the owner of the mailbox';
    await service.post('/auth/password/forgot', { email });
    await service.post('/auth/password/reset', { token: await mailedToken(email, 'password_reset'), password });
    await bootstrapped(email);
    expect((await service.get('/admin/me', access)).status).toBe(401);
    const { body } = await login(email, password);
    expect((await service.get('/admin/me', body.access_token)).body.role).toBe('admin');
    expect(await mailsTo(email, 'first_administrator')).toEqual([]);
  }, 20_000);
});

describe('npm run admin:create', () => {
  it('creates an account and prints its password once, in the container of a service that has METRICS_PORT', async () => {
    const email = uniqueEmail();
    const variables = { METRICS_PORT: new URL(await workerDatabase()).port };
    const { code, output } = await runScript('admin-create', ['--email', email, '--name', 'Root'], { variables });
    expect(code).toBe(0);
    const password = /now: (\S+)/.exec(output)![1];
    const { body } = await service.post('/auth/login', { email, password });
    expect((await service.get('/admin/me', body.access_token)).body).toMatchObject({
      email,
      name: 'Root',
      role: 'admin',
    });
  }, 60_000);

  it('promotes an existing account, with event and audit entry, and revokes its sessions', async () => {
    const { id, email, password, access } = await provenMember(service);
    const { code, output } = await adminCreate('--email', email);
    expect([code, await roleOf(email)]).toEqual([0, 'admin']);
    expect(output).toMatch(/keeps its password/);
    expect((await service.get('/users/profile', access)).status).toBe(401);
    expect((await login(email, password)).body.user.role).toBe('admin');
    const events = await service.sql(
      `SELECT payload FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id DESC LIMIT 1`,
      [id],
    );
    expect(events).toEqual([{ payload: { updated_fields: ['role'] } }]);
  }, 60_000);

  it.each([
    ['never confirmed', false, ['has_password', 'is_verified', 'name', 'role']],
    ['confirmed', true, ['has_password', 'role']],
  ])(
    'shuts out who may have squatted an address that was %s, and mails its owner',
    async (_, confirmed, fields) => {
      const squatter = await member(service, confirmed);
      const { code, output } = await adminCreate('--email', squatter.email);
      expect([code, output]).toEqual([0, expect.stringMatching(/link for a new password was mailed/)]);
      expect((await login(squatter.email, squatter.password)).status).toBe(401);
      expect((await service.post('/auth/refresh', { refresh_token: squatter.refresh })).status).toBe(401);
      expect((await service.get('/admin/me', squatter.access)).status).toBe(401);
      expect((await eventsOf(service, squatter.id)).slice(-1)).toEqual([['user.updated', fields]]);
      expect((await auditOf(service, squatter.id)).slice(-2).map(({ action }) => action)).toEqual([
        'account.reclaimed',
        'user.role_changed',
      ]);
      const token = await mailedToken(squatter.email, 'first_administrator');
      const password = 'chosen by the owner of the mailbox';
      expect((await service.post('/auth/password/reset', { token, password })).status).toBe(204);
      const { body } = await login(squatter.email, password);
      expect((await service.get('/admin/me', body.access_token)).body.role).toBe('admin');
      expect((await adminCreate('--email', squatter.email)).output).toMatch(/administrator already[^\n]*\n$/);
    },
    60_000,
  );

  it('reads the password of a new account from standard input and checks it against the rules', async () => {
    const email = uniqueEmail();
    const args = ['--email', email, '--password-stdin'];
    const weak = await runScript('admin-create', args, { input: 'short\n' });
    expect([weak.code, weak.output]).toEqual([1, expect.stringMatching(/must have at least 8 characters/)]);
    const { code, output } = await runScript('admin-create', args, { input: 'six words that are hard to guess\n' });
    expect([code, output]).toEqual([0, expect.not.stringMatching(/assword/)]);
    const { body } = await service.post('/auth/login', { email, password: 'six words that are hard to guess' });
    expect(body.user.role).toBe('admin');
  }, 60_000);

  it('leaves the event in the outbox and starts no relay', async () => {
    const variables = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
    const ended = new AbortController();
    const running = runScript('admin-create', ['--email', uniqueEmail()], { variables }).finally(() => ended.abort());
    const seen = new Set<string>();
    for (; !ended.signal.aborted; await sleep(20)) {
      const sessions = await service.sql(
        `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
      );
      for (const { application_name } of sessions) seen.add(application_name);
    }
    expect((await running).code).toBe(0);
    expect([...seen]).not.toContain('meetinity-user-service relay');
  }, 60_000);

  it('prints the usage without an address', async () => {
    const { code, output } = await adminCreate();
    expect([code, output]).toEqual([2, expect.stringMatching(/^usage: npm run admin:create/m)]);
  }, 60_000);
});
