import { decode } from 'jsonwebtoken';
import { TestApp, uniqueEmail } from './support/app.js';

const PASSWORD = 'correct horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('POST /auth/register', () => {
  it('accepts the example of the specification and signs the user in', async () => {
    const body = { email: ' User@Example.com', name: ' John Doe ', password: 'securepassword' };
    const answer = await service.post('/auth/register', body);
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ token: answer.body.access_token, token_type: 'Bearer', expires_in: 86_400 });
    expect(answer.body.user).toMatchObject({ email: 'user@example.com', name: 'John Doe', has_password: true });
    const profile = await service.get('/users/profile', answer.body.access_token);
    expect(profile.body).toEqual(answer.body.user);
  });

  it('writes account, preferences, session, event and audit entry in one transaction', async () => {
    const { id, email } = await service.member({ name: 'Grace' });
    const [row] = await service.sql(
      `SELECT (SELECT count(*)::int FROM user_preferences WHERE user_id = $1) AS preferences,
              (SELECT count(*)::int FROM user_sessions WHERE user_id = $1) AS sessions,
              (SELECT jsonb_agg(payload || jsonb_build_object('type', event_type)) FROM outbox_events WHERE user_id = $1) AS events,
              (SELECT jsonb_agg(action) FROM audit_logs WHERE target_id = $1) AS audit`,
      [id],
    );
    expect(row).toEqual({
      preferences: 1,
      sessions: 1,
      events: [{ type: 'user.created', email, name: 'Grace' }],
      audit: ['user.registered'],
    });
  });

  it('accepts exactly one of 50 concurrent registrations of an address and stores nothing of the others', async () => {
    const body = { email: uniqueEmail(), name: 'Race', password: PASSWORD };
    const answers = await Promise.all(Array.from({ length: 50 }, () => service.post('/auth/register', body)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(new Set(statuses)).toEqual(new Set([201, 409]));
    expect(answers.find(({ status }) => status === 409)!.body.error.type).toBe('email_taken');
    const [rows] = await service.sql(
      `SELECT count(*)::int AS users, (SELECT count(*)::int FROM outbox_events WHERE payload->>'email' = $1) AS events
         FROM users WHERE email = $1`,
      [body.email],
    );
    expect(rows).toEqual({ users: 1, events: 1 });
  });

  it('refuses a taken address while a migration replaces its index', async () => {
    const { email } = await service.member();
    await service.sql('ALTER INDEX idx_users_email RENAME TO idx_users_email_next');
    const answer = await service.post('/auth/register', { email, name: 'Late', password: PASSWORD });
    await service.sql('ALTER INDEX idx_users_email_next RENAME TO idx_users_email');
    expect([answer.status, answer.body.error.type]).toEqual([409, 'email_taken']);
  });

  it('treats two spellings of an address as the same', async () => {
    const { email } = await service.member();
    const body = { email: email.toUpperCase(), name: 'Twin', password: PASSWORD };
    expect((await service.post('/auth/register', body)).body.error.type).toBe('email_taken');
  });

  it.each([
    ['too short', 'Ab1!xyz', /at least 8/],
    ['over 128 characters', 'ab '.repeat(43), /at most 128/],
    ['weak with every class of characters', 'Summer2026!', /too easy to guess.*Add more words/],
    ['common', 'Azerty2026!', /10,000 most common/],
    ['the name', 'Margaret Hamilton', /personal/],
    ['the e-mail address', 'margaret@example.com', /personal/],
  ])('refuses a password that is %s', async (_, password, rule) => {
    const body = { email: 'margaret@example.com', name: 'Margaret Hamilton', password };
    const answer = await service.post('/auth/register', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ type: 'weak_password', details: [{ field: 'password' }] });
    expect(answer.body.error.details[0].message).toMatch(rule);
    expect(await service.sql('SELECT 1 FROM users WHERE email = $1', [body.email])).toEqual([]);
  });

  it.each(['no-at-sign', 'a b@example.com', '"a b"@example.com', '"victim"@example.com', `"a\nb"@example.com`])(
    'refuses %j, which is no address or one of many spellings of it',
    async (email) => {
      const answer = await service.post('/auth/register', { email, name: 'Ada', password: PASSWORD });
      expect([answer.status, answer.body.error.type]).toEqual([400, 'validation_failed']);
      expect(answer.body.error.details).toEqual([
        { field: 'email', rule: 'invalid_format', message: 'email must be an email' },
      ]);
    },
  );

  it('names every invalid field, unknown ones before all others', async () => {
    const rulesOf = async (body: object) => {
      const answer = await service.post('/auth/register', body);
      expect(answer.status).toBe(400);
      return answer.body.error.details.map(({ field, rule }: { field: string; rule: string }) => `${field} ${rule}`);
    };
    const wrong = { email: 'no-at-sign', name: '' };
    expect(await rulesOf({ ...wrong, role: 'admin' })).toEqual(['role unknown_field']);
    expect(new Set(await rulesOf(wrong))).toEqual(
      new Set(['email invalid_format', 'name too_short', 'password required']),
    );
  });

  it('names the field of a taken address', async () => {
    const { email } = await service.member();
    const answer = await service.post('/auth/register', { email, name: 'Ada', password: PASSWORD });
    expect(answer.body.error).toMatchObject({ type: 'email_taken', details: [{ field: 'email', rule: 'taken' }] });
  });
});

describe('POST /auth/login', () => {
  it('starts a separate session and records the sign-in', async () => {
    const member = await service.member();
    const answer = await service.post('/auth/login', { email: member.email, password: member.password });
    expect(answer.status).toBe(200);
    expect(answer.body.refresh_token).not.toBe(member.refresh);
    const rows = await service.sql('SELECT 1 FROM user_sessions WHERE user_id = $1', [member.id]);
    expect(rows).toHaveLength(2);
  });

  it('answers the same for an unknown address, a wrong password and an account without one', async () => {
    const member = await service.member();
    const without = await service.member();
    await service.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [without.id]);
    const answers = await Promise.all([
      service.post('/auth/login', { email: uniqueEmail(), password: PASSWORD }),
      service.post('/auth/login', { email: member.email, password: 'wrong password 1' }),
      service.post('/auth/login', { email: without.email, password: PASSWORD }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    const bodies = answers.map(({ body }) => ({ ...body, request_id: null }));
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
    expect(bodies[0].error.type).toBe('invalid_credentials');
  });

  it('answers account_disabled only after the right password', async () => {
    const member = await service.member();
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [member.id]);
    const right = await service.post('/auth/login', { email: member.email, password: member.password });
    const wrong = await service.post('/auth/login', { email: member.email, password: 'wrong password 1' });
    expect([right.body.error.type, wrong.body.error.type]).toEqual(['account_disabled', 'invalid_credentials']);
  });

  it('keeps at most 20 sessions and revokes the oldest', async () => {
    const member = await service.member();
    for (let count = 0; count < 20; count += 1)
      await service.post('/auth/login', { email: member.email, password: member.password });
    const live = await service.sql('SELECT 1 FROM user_sessions WHERE user_id = $1 AND revoked_at IS NULL', [
      member.id,
    ]);
    expect(live).toHaveLength(20);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
  });
});

describe('access tokens', () => {
  it('contain the claims of the specification, the subject, the session and its authentication, and nothing else', async () => {
    const { id, email, access } = await service.member({ name: 'Claims' });
    const claims = decode(access) as Record<string, unknown>;
    const [{ id: session }] = await service.sql('SELECT id FROM user_sessions WHERE user_id = $1', [id]);
    const { iat, exp, jti, auth_time: authTime, ...rest } = claims;
    const context = { amr: ['pwd'], acr: 'aal1' };
    expect(rest).toEqual({ sub: id, user_id: id, email, name: 'Claims', role: 'user', sid: session, ...context });
    expect(jti).toEqual(expect.any(String));
    // The next second may begin between the authentication and the token.
    expect([0, 1]).toContain((iat as number) - (authTime as number));
    expect((exp as number) - (iat as number)).toBe(86_400);
    expect(iat as number).toBeLessThanOrEqual(Date.now() / 1000);
  });

  it('keep the time of the authentication through a refresh', async () => {
    const { id, refresh } = await service.member();
    await service.sql(`UPDATE user_sessions SET auth_time = now() - interval '1 hour' WHERE user_id = $1`, [id]);
    const { body } = await service.post('/auth/refresh', { refresh_token: refresh });
    const { auth_time: authTime, iat, amr, acr } = decode(body.access_token) as Record<string, number>;
    expect(iat! - authTime!).toBeGreaterThanOrEqual(3600);
    expect({ amr, acr }).toEqual({ amr: ['pwd'], acr: 'aal1' });
  });

  it('stay valid after a rotation of the secret, until they expire', async () => {
    const { access } = await service.member();
    const rotated = await TestApp.start({
      JWT_SECRET: 'the secret that came after the first one',
      JWT_SECRET_PREVIOUS: service.settings.jwt.secret,
    });
    const foreign = await TestApp.start({ JWT_SECRET: 'a secret of another service' });
    expect((await rotated.get('/users/profile', access)).status).toBe(200);
    expect((await foreign.get('/users/profile', access)).status).toBe(401);
    await rotated.stop();
    await foreign.stop();
  });

  it.each([
    ['no token', undefined, 'Bearer'],
    ['a token of another signature', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.AAAA', 'Bearer error="invalid_token"'],
    [
      'an unsigned token',
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`,
      'Bearer error="invalid_token"',
    ],
  ])('refuses %s', async (_, token, challenge) => {
    const answer = await service.get('/users/profile', token);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe(challenge);
    expect(answer.body.error.type).toBe('unauthenticated');
  });
});

describe('POST /auth/logout', () => {
  it('ends this session only', async () => {
    const member = await service.member();
    const { body } = await service.post('/auth/login', { email: member.email, password: member.password });
    expect((await service.post('/auth/logout', undefined, member.access)).status).toBe(204);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
  });

  it('ends every session on request', async () => {
    const member = await service.member();
    const { body } = await service.post('/auth/login', { email: member.email, password: member.password });
    expect((await service.post('/auth/logout', { all: true }, member.access)).status).toBe(204);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(401);
  });
});
