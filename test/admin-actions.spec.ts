import { provenMember } from './support/accounts.js';
import { Answer, Member, TestApp } from './support/app.js';

let service: TestApp;
/** Another instance of the service on the same database. */
let other: TestApp;
let admin: Member;

beforeAll(async () => {
  service = await TestApp.start();
  other = await TestApp.start();
  admin = await service.memberWithRole('admin');
});
afterAll(async () => {
  await other.stop();
  await service.stopAndDrop();
});

const reason = 'Terms violation';
const setStatus = (id: string, body: unknown, by = admin, app = service) =>
  app.put(`/admin/users/${id}/status`, body, by.access);
const setRole = (id: string, body: unknown, by = admin, app = service) =>
  app.put(`/admin/users/${id}/role`, body, by.access);
const deactivate = (id: string, by = admin, app = service) => setStatus(id, { is_active: false, reason }, by, app);
const typeOf = ({ status, body }: Answer) => [status, body.error?.type];

/** How many times anything was written about a user. */
async function traces(id: string): Promise<{ events: string[][]; actions: string[] }> {
  const events = await service.sql(
    `SELECT payload->'updated_fields' AS fields FROM outbox_events
      WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id`,
    [id],
  );
  const entries = await service.sql(
    `SELECT action FROM audit_logs WHERE target_id = $1 AND actor_id <> $1 ORDER BY id`,
    [id],
  );
  return { events: events.map(({ fields }) => fields), actions: entries.map(({ action }) => action) };
}

describe('GET /admin/users/{id}', () => {
  it('shows the whole account without encrypted fields', async () => {
    const member = await service.member();
    await service.put(
      '/users/profile',
      { phone: '+14155552671', date_of_birth: '1990-05-17', bio: 'x' },
      member.access,
    );
    const { status, body, text } = await service.get(`/admin/users/${member.id}`, admin.access);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(
      `id email name role is_active is_verified has_password mfa_enabled locale oauth_provider profile_picture_url location industry job_title
       company linkedin_url gender last_login created_at updated_at status_reason status_changed_at status_changed_by
       details preferences identities sessions audit`
        .split(/\s+/)
        .sort(),
    );
    expect(text).not.toMatch(/phone":|date_of_birth":|password_hash|4155552671|1990-05-17/);
    expect(body).toMatchObject({
      status_reason: null,
      status_changed_at: null,
      identities: [],
      preferences: { age_min: 18 },
    });
    expect(body.sessions).toMatchObject([{ current: false, ip_address: '127.0.0.1' }]);
    expect(body.audit[0]).toMatchObject({ action: 'profile.updated', target_id: member.id, actor_id: member.id });
    expect((await service.get(`/admin/users/${admin.id}`, admin.access)).body.sessions).toContainEqual(
      expect.objectContaining({ current: true }),
    );
  });

  it('shows the last 20 audit entries', async () => {
    const { id } = await service.member();
    await service.sql(
      `INSERT INTO audit_logs (target_id, action) SELECT $1, 'spec.' || n FROM generate_series(1, 30) n`,
      [id],
    );
    const { body } = await service.get(`/admin/users/${id}`, admin.access);
    expect(body.audit.map(({ action }: { action: string }) => action)).toEqual(
      Array.from({ length: 20 }, (_, index) => `spec.${30 - index}`),
    );
  });

  it('answers 404 for a missing user and 400 for a malformed id', async () => {
    expect(typeOf(await service.get('/admin/users/00000000-0000-4000-8000-000000000000', admin.access))).toEqual([
      404,
      'not_found',
    ]);
    expect(typeOf(await service.get('/admin/users/42', admin.access))).toEqual([400, 'validation_failed']);
  });
});

describe('PUT /admin/users/{id}/status', () => {
  it('deactivates at once on every instance, and reactivation restores no session', async () => {
    const member = await service.member();
    expect((await other.get('/users/profile', member.access)).status).toBe(200);
    const { status, body } = await deactivate(member.id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ is_active: false, status_reason: reason, status_changed_by: admin.id, sessions: [] });
    expect(Date.now() - Date.parse(body.status_changed_at)).toBeLessThan(5000);
    for (const app of [service, other]) expect((await app.get('/users/profile', member.access)).status).toBe(401);
    const { email, password } = member;
    expect(typeOf(await service.post('/auth/login', { email, password }))).toEqual([403, 'account_disabled']);
    expect(typeOf(await service.post('/auth/refresh', { refresh_token: member.refresh }))).toEqual([
      401,
      'invalid_refresh_token',
    ]);

    const back = await setStatus(member.id, { is_active: true });
    expect(back.body).toMatchObject({ is_active: true, status_reason: null, status_changed_by: admin.id });
    for (const app of [service, other]) expect((await app.get('/users/profile', member.access)).status).toBe(401);
    expect((await service.post('/auth/login', { email, password })).body.user.is_active).toBe(true);
    expect(await traces(member.id)).toEqual({
      events: [['is_active'], ['is_active']],
      actions: ['user.deactivated', 'user.reactivated'],
    });
  });

  it('records nothing without a change', async () => {
    const member = await service.member();
    expect((await setStatus(member.id, { is_active: true, reason: 'all is well' })).body.status_reason).toBeNull();
    await deactivate(member.id);
    expect((await setStatus(member.id, { is_active: false, reason: 'again' })).body.status_reason).toBe(reason);
    expect((await traces(member.id)).actions).toEqual(['user.deactivated']);
  });

  it.each([
    ['reason', { is_active: false }],
    ['reason', { is_active: false, reason: null }],
    ['reason', { is_active: false, reason: ' ab ' }],
    ['reason', { is_active: false, reason: 'x'.repeat(501) }],
    ['reason', { is_active: true, reason: 'x' }],
    ['is_active', { reason }],
    ['is_active', { is_active: 'false', reason }],
    ['email', { is_active: false, reason, email: 'x@example.com' }],
  ])('refuses an invalid %s: %j', async (field, body) => {
    const { id } = await service.member();
    const answer = await setStatus(id, body);
    expect(typeOf(answer)).toEqual([400, 'validation_failed']);
    expect(answer.body.error.details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect(await traces(id)).toEqual({ events: [], actions: [] });
  });

  it('writes everything in one transaction', async () => {
    const member = await service.member();
    await service.sql(
      `ALTER TABLE audit_logs ADD CONSTRAINT spec_no_entry CHECK (action <> 'user.deactivated') NOT VALID`,
    );
    expect((await deactivate(member.id)).status).toBe(500);
    await service.sql(`ALTER TABLE audit_logs DROP CONSTRAINT spec_no_entry`);
    expect((await service.get('/users/profile', member.access)).body.is_active).toBe(true);
    expect(await traces(member.id)).toEqual({ events: [], actions: [] });
  });
});

describe('PUT /admin/users/{id}/role', () => {
  it('promotes and demotes, and revokes the sessions with the old role', async () => {
    const member = await provenMember(service);
    const promoted = await setRole(member.id, { role: 'admin', reason: 'New colleague' });
    expect([promoted.status, promoted.body.role]).toEqual([200, 'admin']);
    expect((await other.get('/users/profile', member.access)).status).toBe(401);
    const { body } = await service.post('/auth/login', { email: member.email, password: member.password });
    expect((await other.get('/admin/me', body.access_token)).status).toBe(200);
    await setRole(member.id, { role: 'moderator' });
    expect((await service.get('/admin/me', body.access_token)).status).toBe(401);
    await setRole(member.id, { role: 'moderator' });
    expect(await traces(member.id)).toEqual({
      events: [['role'], ['role']],
      actions: ['user.role_changed', 'user.role_changed'],
    });
  });

  it('refuses an unknown role', async () => {
    const { id } = await service.member();
    expect(typeOf(await setRole(id, { role: 'root' }))).toEqual([400, 'validation_failed']);
  });
});

describe('POST /admin/users/{id}/sessions/revoke', () => {
  it('revokes all sessions of a user, with one audit entry', async () => {
    const member = await service.member();
    await service.post('/auth/login', { email: member.email, password: member.password });
    const revoke = () =>
      service.post(`/admin/users/${member.id}/sessions/revoke`, { reason: 'Lost phone' }, admin.access);
    expect([(await revoke()).status, (await revoke()).status]).toEqual([204, 204]);
    expect((await other.get('/users/profile', member.access)).status).toBe(401);
    const { body } = await service.get(`/admin/users/${member.id}`, admin.access);
    expect(body.audit[0]).toMatchObject({
      action: 'user.sessions_revoked',
      reason: 'Lost phone',
      after: { sessions: 2 },
    });
    expect(await traces(member.id)).toEqual({ events: [], actions: ['user.sessions_revoked'] });
    expect((await service.post(`/admin/users/${member.id}/sessions/revoke`, undefined, admin.access)).status).toBe(204);
  });
});

describe('administrators', () => {
  const inOffice = () => service.sql(`SELECT id FROM users WHERE role = 'admin' AND is_active`);
  const retireAll = () => service.sql(`UPDATE users SET role = 'user' WHERE role = 'admin' AND id <> $1`, [admin.id]);

  it('cannot change the status or role of their own account', async () => {
    for (const answer of [
      await deactivate(admin.id),
      await setStatus(admin.id, { is_active: true }),
      await setRole(admin.id, { role: 'user' }),
    ])
      expect(typeOf(answer)).toEqual([409, 'own_account']);
    expect((await service.get('/admin/me', admin.access)).status).toBe(200);
  });

  it.each([
    ['deactivate', (by: Member, of: Member, app: TestApp) => deactivate(of.id, by, app)],
    ['demote', (by: Member, of: Member, app: TestApp) => setRole(of.id, { role: 'user' }, by, app)],
  ])('who %s each other concurrently leave one, twenty times', async (_, act) => {
    for (let round = 0; round < 20; round += 1) {
      const [one, two] = await Promise.all([service.memberWithRole('admin'), service.memberWithRole('admin')]);
      await service.sql(`UPDATE users SET role = 'user' WHERE role = 'admin' AND id NOT IN ($1, $2)`, [one.id, two.id]);
      const answers = await Promise.all([act(one, two, service), act(two, one, other)]);
      expect(await inOffice()).toHaveLength(1);
      // The slower one is told so, or, where its request came after, that it is signed out.
      const [winner, loser] = answers.map(({ status }) => status).sort();
      expect([winner, [401, 409].includes(loser!)]).toEqual([200, true]);
    }
    await service.sql(`UPDATE users SET role = 'admin', is_active = true WHERE id = $1`, [admin.id]);
    await retireAll();
  });

  it('who were demoted while waiting for the lock are refused', async () => {
    const [one, two] = await Promise.all([service.memberWithRole('admin'), service.memberWithRole('admin')]);
    const answers = await Promise.all([deactivate(one.id, two, other), deactivate(two.id, one, service)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect(await inOffice()).toHaveLength(2);
    await retireAll();
  });
});
