import { decode } from 'jsonwebtoken';
import { auditOf, member as register, provenMember } from './support/accounts.js';
import { type Member, TestApp } from './support/app.js';
import { addTotp, aged, freshCodes, signInByTotp, totpCode, type WithTotp } from './support/factors.js';
import { sessionOf, word } from './support/sessions.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const reauthenticate = (token: string, body: object) => service.post('/auth/reauthenticate', body, token);
const claims = (token: string) => decode(token) as { auth_time: number; acr: string; amr: string[] };
const withTotp = async (): Promise<WithTotp> => addTotp(service, await service.member());

describe('POST /auth/reauthenticate', () => {
  it('moves the time of authentication of the token, the session and later tokens', async () => {
    const member = await service.member();
    const old = await aged(service, member);
    const before = Math.floor(Date.now() / 1000);
    const { status, body, headers } = await reauthenticate(old, { password: member.password });
    expect([status, body]).toEqual([
      200,
      {
        access_token: expect.any(String),
        token: body.access_token,
        token_type: 'Bearer',
        expires_in: 86_400,
        auth_time: expect.any(Number),
      },
    ]);
    expect(headers['cache-control']).toBe('private, no-store');
    expect(body.auth_time).toBeGreaterThanOrEqual(before - 1);
    expect(claims(body.access_token)).toMatchObject({ auth_time: body.auth_time, amr: ['pwd'], acr: 'aal1' });
    expect(sessionOf(body.access_token)).toBe(sessionOf(old));
    expect((await auditOf(service, member.id)).at(-1)).toEqual({
      action: 'session.reauthenticated',
      after: { amr: ['pwd'] },
    });
    // The old token is still valid, and still old.
    expect((await service.get('/users/profile', old)).status).toBe(200);
    expect(word(await service.get('/users/profile/export', old))).toBe('403 recent_sign_in_required');
  });

  it('gives later refreshes the new time', async () => {
    const member = await service.member();
    await service.sql(`UPDATE user_sessions SET auth_time = now() - interval '1 hour' WHERE user_id = $1`, [member.id]);
    const { body } = await reauthenticate(member.access, { password: member.password });
    const refreshed = await service.post('/auth/refresh', { refresh_token: member.refresh });
    expect(claims(refreshed.body.access_token).auth_time).toBe(body.auth_time);
  });

  it('raises the session to the second factor by a code of the app or a recovery code, each once', async () => {
    const member = await withTotp();
    const [code, recovery] = [totpCode(member.secret), member.recoveryCodes[0]!];
    for (const proof of [code, recovery]) {
      const { status, body } = await reauthenticate(member.access, { code: proof });
      expect([status, claims(body.access_token)]).toMatchObject([200, { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' }]);
      const again = await reauthenticate(member.access, { code: proof });
      expect([word(again), again.headers['www-authenticate']]).toEqual(['401 invalid_mfa_code', undefined]);
    }
  });

  it('takes one code once: of two requests at the same time one succeeds', async () => {
    const member = await withTotp();
    const code = totpCode(member.secret);
    const answers = await Promise.all([1, 2].map(() => reauthenticate(member.access, { code })));
    expect(answers.map(word).sort()).toEqual(['200', '401 invalid_mfa_code']);
  });

  it('refuses the password of an account with a second factor, so that an old factor never looks recent', async () => {
    const member = await withTotp();
    const { body } = await signInByTotp(service, member);
    const old = await aged(service, { access: body.access_token, refresh: body.refresh_token });
    const answer = await reauthenticate(old, { password: member.password });
    expect([word(answer), answer.body.methods]).toEqual(['403 recent_sign_in_required', ['totp', 'recovery_code']]);
    expect(word(await service.get('/users/profile/export', old))).toBe('403 recent_sign_in_required');
  });

  it('refuses a wrong password and a code of an account without a factor, without WWW-Authenticate', async () => {
    const { access } = await service.member();
    for (const [body, refusal] of [
      [{ password: 'not this one' }, '401 invalid_credentials'],
      [{ code: '123456' }, '401 invalid_mfa_code'],
    ] as const) {
      const answer = await reauthenticate(access, body);
      expect([word(answer), answer.headers['www-authenticate']]).toEqual([refusal, undefined]);
    }
  });

  it.each([{}, { password: 'x', code: '123456' }, { password: null }, { code: 123456 }, { passwords: 'x' }])(
    'refuses the body %j',
    async (body) => {
      const { access } = await service.member();
      expect(word(await reauthenticate(access, body))).toBe('400 validation_failed');
    },
  );

  it('names the providers of an account without a password', async () => {
    const member = await provenMember(service);
    await service.sql('UPDATE users SET password_hash = NULL, password_proven_at = NULL WHERE id = $1', [member.id]);
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id) VALUES ($1, 'linkedin', 'subject-7')`,
      [member.id],
    );
    const answer = await service.get('/users/profile/export', await aged(service, member));
    expect([word(answer), answer.body.methods]).toEqual(['403 recent_sign_in_required', ['linkedin']]);
    expect(word(await reauthenticate(member.access, { password: member.password }))).toBe('401 invalid_credentials');
  });

  it('counts wrong passwords and codes like those of sign-ins', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_LOGIN_PAIR: '3' });
    const attempt = (member: Member, body: object) => limited.post('/auth/reauthenticate', body, member.access);
    const member = await limited.member();
    for (const _ of [1, 2, 3])
      expect(word(await attempt(member, { password: 'wrong' }))).toBe('401 invalid_credentials');
    expect(word(await attempt(member, { password: member.password }))).toBe('429 rate_limited');
    const { email, password } = member;
    expect(word(await limited.post('/auth/login', { email, password }))).toBe('429 rate_limited');
    const second = await withTotp();
    for (const _ of [1, 2, 3]) expect(word(await attempt(second, { code: '12345x' }))).toBe('401 invalid_mfa_code');
    await freshCodes(service, second);
    expect(word(await attempt(second, { code: totpCode(second.secret) }))).toBe('429 rate_limited');
    await limited.stop();
  });

  it('does not revive a session that ends while the password is compared', async () => {
    const { id, access, password } = await register(service, true);
    const runner = service.database.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
    const pending = reauthenticate(access, { password });
    await service.blocked();
    await runner.query(`UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1`, [
      id,
    ]);
    await runner.commitTransaction();
    await runner.release();
    expect(word(await pending)).toBe('401 unauthenticated');
  });
});
