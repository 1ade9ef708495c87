import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { TestApp, testValues, uniqueEmail } from './support/app.js';
import { workerDatabase } from './support/environment.js';
import { until } from './support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

async function adminCreate(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env.PATH, ...testValues({ DATABASE_URL: await workerDatabase() }) };
  const child = spawn(process.execPath, ['scripts/run.mjs', 'admin-create', ...args], {
    env: env as NodeJS.ProcessEnv,
  });
  const [out, error] = [text(child.stdout), text(child.stderr)];
  const [code] = (await once(child, 'exit')) as [number];
  return { code, output: (await out) + (await error) };
}

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

  it('says how it is used where the address is missing', async () => {
    const { code, output } = await adminCreate();
    expect([code, output]).toEqual([1, expect.stringMatching(/^usage: npm run admin:create/)]);
  }, 60_000);
});
