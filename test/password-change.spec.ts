import { auditOf } from './support/accounts.js';
import { TestApp } from './support/app.js';
import { mailedToken, mailTo } from './support/mailbox.js';
import { LIMITED, login } from './support/sign-ins.js';

const NEXT = 'another horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('POST /auth/password/change', () => {
  const change = (token: string | undefined, current_password: string, new_password: string) =>
    service.post('/auth/password/change', { current_password, new_password }, token);

  it('revokes the other sessions and mailed links, and notifies the owner', async () => {
    const member = await service.member();
    const other = (await login(service, member.email, member.password)).body.access_token;
    await service.post('/auth/password/forgot', { email: member.email });
    const token = await mailedToken(member.email, 'password_reset');
    expect((await change(member.access, member.password, NEXT)).status).toBe(204);
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
    expect((await service.get('/users/profile', other)).status).toBe(401);
    expect((await service.post('/auth/password/reset', { token, password: NEXT })).status).toBe(400);
    expect((await login(service, member.email, NEXT)).status).toBe(200);
    await mailTo(member.email, 'password_changed');
    const audit = await auditOf(service, member.id);
    expect(audit.map(({ action }) => action)).toContain('password.changed');
  });

  it('refuses a wrong current password, an account without one and a missing token', async () => {
    const member = await service.member();
    const wrong = await change(member.access, 'not my password', NEXT);
    await service.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [member.id]);
    const without = await change(member.access, member.password, NEXT);
    expect([wrong, without].map(({ status, body }) => `${status} ${body.error.type}`)).toEqual(
      Array(2).fill('401 invalid_credentials'),
    );
    expect((await change(undefined, member.password, NEXT)).body.error.type).toBe('unauthenticated');
  });

  it('applies the rules to the new password, which must differ', async () => {
    const { access, password } = await service.member();
    const same = await change(access, password, password);
    const short = await change(access, password, 'short');
    expect([same, short].map(({ body }) => `${body.error.type} ${body.error.details[0].field}`)).toEqual(
      Array(2).fill('weak_password new_password'),
    );
  });

  it('accepts one of two concurrent changes', async () => {
    const member = await service.member();
    const next = ['first horse battery', 'other horse battery'];
    const answers = await Promise.all(next.map((password) => change(member.access, member.password, password)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401]);
    const winner = answers.findIndex(({ status }) => status === 204);
    expect((await login(service, member.email, next[winner]!)).status).toBe(200);
  });

  it('counts wrong passwords like failed sign-ins, and keeps the session', async () => {
    const limited = await TestApp.start(LIMITED);
    const member = await limited.member();
    const statuses: number[] = [];
    for (let count = 0; count < 11; count += 1) {
      const body = { current_password: 'wrong password 1', new_password: NEXT };
      statuses.push((await limited.post('/auth/password/change', body, member.access)).status);
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
    expect((await limited.post('/auth/login', { email: member.email, password: member.password })).status).toBe(429);
    expect((await limited.get('/users/profile', member.access)).status).toBe(200);
    await limited.stop();
  });
});
