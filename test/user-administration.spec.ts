import { auditOf, eventsOf } from './support/accounts.js';
import { type Member, TestApp, uniqueEmail } from './support/app.js';
import { addTotp } from './support/factors.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { word } from './support/sessions.js';
import { LIMITED, login, newClient, times, WRONG } from './support/sign-ins.js';

const PASSWORD = 'a fine new phrase 7';

let service: TestApp;
let admin: Member;

beforeAll(async () => {
  service = await TestApp.start({ ...LIMITED, PASSWORD_MAX_FAILURES: '12' });
  admin = await service.memberWithRole('admin');
});
afterAll(() => service.stopAndDrop());

const invite = (body: object) => service.post('/admin/users', body, admin.access);

describe('POST /admin/users', () => {
  it('creates an account that only the owner of the mailbox can enter, and keeps its name', async () => {
    const email = uniqueEmail();
    const { status, body } = await invite({ email: email.toUpperCase(), name: 'Grace', reason: 'new colleague' });
    expect([status, body]).toMatchObject([
      201,
      { email, name: 'Grace', role: 'user', is_verified: false, has_password: false, sessions: [] },
    ]);
    expect(await eventsOf(service, body.id)).toEqual([['user.created', email]]);
    const [entry] = await service.sql('SELECT actor_id, action, reason FROM audit_logs WHERE target_id = $1', [
      body.id,
    ]);
    expect(entry).toEqual({ actor_id: admin.id, action: 'user.invited', reason: 'new colleague' });

    const token = await mailedToken(email, 'invitation');
    expect((await service.post('/auth/password/reset', { token, password: PASSWORD })).status).toBe(204);
    const { user } = (await login(service, email, PASSWORD)).body;
    expect(user).toMatchObject({ name: 'Grace', is_verified: true, has_password: true });
    expect((await eventsOf(service, body.id)).at(-1)).toEqual(['user.updated', ['has_password', 'is_verified']]);
    const promoted = await service.put(`/admin/users/${body.id}/role`, { role: 'moderator' }, admin.access);
    expect(promoted.status).toBe(200);
  });

  it('does not promote the account before its owner has confirmed the address', async () => {
    const { body } = await invite({ email: uniqueEmail(), name: 'Grace' });
    const promoted = await service.put(`/admin/users/${body.id}/role`, { role: 'admin' }, admin.access);
    expect(word(promoted)).toBe('409 email_not_verified');
  });

  it('refuses a taken address, also for two invitations at the same time, and mails nothing', async () => {
    const member = await service.member();
    expect(word(await invite({ email: member.email, name: 'Grace' }))).toBe('409 email_taken');
    expect(await mailsTo(member.email, 'invitation')).toEqual([]);
    const email = uniqueEmail();
    const answers = await Promise.all([1, 2].map(() => invite({ email, name: 'Grace' })));
    expect(answers.map(word).sort()).toEqual(['201', '409 email_taken']);
  });

  it.each([
    { name: 'Grace' },
    { email: 'no address', name: 'Grace' },
    { email: 'a@example.com', name: 'G', role: 'admin' },
  ])('refuses %j', async (body) => {
    expect(word(await invite(body))).toBe('400 validation_failed');
  });
});

describe('PUT /admin/users/{id}/email', () => {
  it('replaces the address, notifies the old one, and refuses a taken one', async () => {
    const [member, other] = [await service.member(), await service.member()];
    const change = (email: string) =>
      service.put(`/admin/users/${member.id}/email`, { email, reason: 'lost mailbox' }, admin.access);
    expect(word(await change(other.email))).toBe('409 email_taken');
    const email = uniqueEmail();
    expect((await change(email)).body).toMatchObject({ id: member.id, email });
    await mailTo(member.email, 'email_changed');
    expect((await login(service, email, member.password)).status).toBe(200);
    expect(await auditOf(service, member.id)).toContainEqual({ action: 'email.changed', after: null });
  });
});

describe('DELETE /admin/users/{id}', () => {
  it('deletes the account with a reason, which the audit keeps without the person', async () => {
    const member = await service.member();
    const erase = (body: object) => service.delete(`/admin/users/${member.id}`, admin.access, body);
    expect(word(await erase({}))).toBe('400 validation_failed');
    expect((await erase({ reason: 'asked by letter' })).status).toBe(204);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    expect((await auditOf(service, member.id)).at(-1)).toMatchObject({ action: 'user.deleted' });
    expect(word(await erase({ reason: 'asked by letter' }))).toBe('404 not_found');
  });
});

describe('GET /admin/users/{id}/export', () => {
  it('waits for another administrator who exports the caller, without a deadlock', async () => {
    const other = await service.memberWithRole('admin');
    const pairs = Array.from({ length: 12 }, () => [
      service.get(`/admin/users/${other.id}/export`, admin.access),
      service.get(`/admin/users/${admin.id}/export`, other.access),
    ]);
    for (const { status } of await Promise.all(pairs.flat())) expect(status).toBe(200);
  });

  it('is the export of the user, and is audited', async () => {
    const member = await service.member();
    const exported = await service.get(`/admin/users/${member.id}/export`, admin.access);
    const own = await service.get('/users/profile/export', member.access);
    expect([exported.status, exported.headers['content-disposition']]).toEqual([
      200,
      own.headers['content-disposition'],
    ]);
    expect(Object.keys(exported.body)).toEqual(Object.keys(own.body));
    expect(exported.body.profile).toEqual(own.body.profile);
    expect(exported.body.sessions[0].current).toBe(false);
    expect((await auditOf(service, member.id)).at(-1)).toMatchObject({ action: 'user.exported' });
    const unknown = await service.get(`/admin/users/${crypto.randomUUID()}/export`, admin.access);
    expect(word(unknown)).toBe('404 not_found');
  });
});

describe('POST /admin/users/{id}/unlock', () => {
  it('lifts the lock of a client, enables a disabled password and suspended codes', async () => {
    const member = await addTotp(service, await service.member());
    const client = newClient();
    await times(10, () => login(service, member.email, WRONG, client));
    await times(2, () => login(service, member.email, WRONG, newClient()));
    await service.sql('UPDATE mfa_factors SET failures = 100 WHERE user_id = $1', [member.id]);
    expect(word(await login(service, member.email, member.password, client))).toBe('429 rate_limited');
    expect(word(await login(service, member.email, member.password, newClient()))).toBe('401 invalid_credentials');
    const unlock = await service.post(`/admin/users/${member.id}/unlock`, { reason: 'called us' }, admin.access);
    expect(unlock.status).toBe(204);
    for (const from of [client, newClient()]) {
      const { status, body } = await login(service, member.email, member.password, from);
      expect([status, body.methods]).toEqual([200, ['totp', 'recovery_code']]);
    }
    expect((await auditOf(service, member.id)).at(-1)).toMatchObject({ action: 'user.unlocked' });
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
  });
});
