import { Member, TestApp } from './support/app.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const exportOf = ({ access }: Member) => service.get('/users/profile/export', access);

describe('GET /users/profile/export', () => {
  it('is a file with every section in the format of the API', async () => {
    const member = await service.member();
    const body = { phone: '+14155552671', date_of_birth: '1990-05-17', bio: 'Compilers' };
    const profile = (await service.put('/users/profile', body, member.access)).body;
    const preferences = (await service.put('/users/preferences', { interests: ['AI'] }, member.access)).body;
    const answer = await exportOf(member);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-disposition']).toBe('attachment; filename="meetinity-export.json"');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers['cache-control']).toBe('private, no-store');
    const sections = [
      'exported_at',
      'profile',
      'former_emails',
      'details',
      'preferences',
      'identities',
      'factors',
      'sessions',
      'audit',
    ];
    expect(Object.keys(answer.body)).toEqual(sections);
    expect(answer.body).toMatchObject({ profile, preferences, identities: [] });
    expect(Math.abs(Date.parse(answer.body.exported_at) - Date.now())).toBeLessThan(10_000);
    const { sessions } = (await service.get('/users/sessions', member.access)).body;
    const authentication = { auth_time: expect.any(String), amr: ['pwd'], acr: 'aal1' };
    expect(answer.body.sessions).toEqual([
      { ...sessions[0], revoked_at: null, revoked_reason: null, ...authentication },
    ]);
  });

  it('contains ended sessions and linked identities', async () => {
    const member = await service.member();
    const login = await service.post('/auth/login', { email: member.email, password: member.password });
    await service.post('/auth/logout', {}, login.body.access_token);
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id, email) VALUES ($1, 'google', 'g-1', 'a@b.example')`,
      [member.id],
    );
    const { body } = await exportOf(member);
    expect(body.sessions).toEqual([
      expect.objectContaining({ current: false, revoked_reason: 'logout', revoked_at: expect.any(String) }),
      expect.objectContaining({ current: true, revoked_reason: null }),
    ]);
    expect(body.identities).toEqual([
      { provider: 'google', email: 'a@b.example', created_at: expect.any(String), provider_user_id: 'g-1' },
    ]);
  });

  it('contains audit entries by and about the user, without data of others', async () => {
    const [member, other] = [await service.member(), await service.member()];
    await service.put('/users/profile', { bio: 'x' }, member.access);
    await service.sql(
      `INSERT INTO audit_logs (actor_id, target_id, action, reason, ip_address, request_id, before, after) VALUES
        ($1, $2, 'user.deactivated', 'spam', '203.0.113.9', 'their-request', '{"is_active": true}', '{"is_active": false}'),
        ($2, $1, 'user.role_changed', 'secret of theirs', '203.0.113.10', 'own-request', '{"role": "user"}', '{"role": "admin"}'),
        ($1, $1, 'profile.updated', NULL, '203.0.113.11', 'unrelated', NULL, NULL)`,
      [other.id, member.id],
    );
    const { body, text } = await exportOf(member);
    const entry = { id: expect.any(String), at: expect.any(String) };
    const by = { actor_id: member.id, target_id: member.id, reason: null, before: null };
    const mine = { ...entry, ...by, ip_address: '127.0.0.1', request_id: expect.any(String), after: null };
    expect(body.audit).toEqual([
      { ...mine, action: 'user.registered' },
      { ...mine, action: 'profile.updated', after: { updated_fields: ['bio'] } },
      {
        ...entry,
        action: 'user.deactivated',
        actor_id: null,
        target_id: member.id,
        reason: 'spam',
        ip_address: null,
        request_id: null,
        before: { is_active: true },
        after: { is_active: false },
      },
      {
        ...entry,
        action: 'user.role_changed',
        actor_id: member.id,
        target_id: null,
        reason: null,
        ip_address: '203.0.113.10',
        request_id: 'own-request',
        before: null,
        after: null,
      },
    ]);
    expect(text).not.toContain(other.id);
    expect(text).not.toMatch(/203\.0\.113\.(9|11)|their-request|unrelated|secret of theirs/);
  });

  it('contains no secret', async () => {
    const member = await service.member();
    await service.put('/users/profile', { phone: '+14155552671' }, member.access);
    const [row] = await service.sql(
      `SELECT u.password_hash, u.phone, s.refresh_token FROM users u JOIN user_sessions s ON s.user_id = u.id WHERE u.id = $1`,
      [member.id],
    );
    const { text } = await exportOf(member);
    for (const secret of Object.values(row)) expect(text).not.toContain(secret);
    expect(text).toContain('+14155552671');
  });

  it('requires an access token', async () => {
    expect((await service.get('/users/profile/export')).status).toBe(401);
  });
});
