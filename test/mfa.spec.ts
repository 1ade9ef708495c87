import { decode } from 'jsonwebtoken';
import { auditOf, eventsOf, member as register, passwordResetBy } from './support/accounts.js';
import { TestApp } from './support/app.js';
import {
  addTotp,
  freshCodes,
  mfaToken,
  reauthenticateByTotp,
  signInByTotp,
  totpCode,
  WithTotp,
} from './support/factors.js';
import { mailTo } from './support/mailbox.js';
import { word } from './support/sessions.js';
import { times } from './support/sign-ins.js';

let service: TestApp;
let member: WithTotp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());
beforeEach(async () => {
  member = await addTotp(service, await service.member());
});

const verify = (mfa_token: string, code: string, method = 'totp') =>
  service.post('/auth/mfa/verify', { mfa_token, method, code });
const wrongCode = () => (totpCode(member.secret) === '000000' ? '111111' : '000000');
const actionsOf = async () => (await auditOf(service, member.id)).map(({ action }) => action);

describe('setting up an authenticator app', () => {
  it('answers ten recovery codes with the first factor, with events, an audit entry and a mail', async () => {
    expect(member.recoveryCodes).toHaveLength(10);
    for (const code of member.recoveryCodes) expect(code).toMatch(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
    expect(new Set(member.recoveryCodes).size).toBe(10);
    expect((await service.get('/users/profile', member.access)).body.mfa_enabled).toBe(true);
    expect((await eventsOf(service, member.id)).at(-1)).toEqual(['user.updated', ['mfa_enabled']]);
    expect(await actionsOf()).toContain('mfa.factor_added');
    expect((await mailTo(member.email, 'factor_changed')).subject).toBe('A sign-in factor was added');
    const { body } = await service.get('/users/mfa', member.access);
    expect(body).toEqual({
      enabled: true,
      factors: [
        {
          id: member.factor,
          type: 'totp',
          name: 'Authenticator app',
          created_at: expect.any(String),
          last_used: expect.any(String),
        },
      ],
      recovery_codes_left: 10,
    });
  });

  it('is refused while the address is not confirmed', async () => {
    const other = await service.member();
    expect(word(await service.post('/users/mfa/totp', {}, other.access))).toBe('409 email_not_verified');
  });

  it('counts for nothing until a code confirms it', async () => {
    const other = await register(service, true);
    const { body } = await service.post('/users/mfa/totp', { name: 'Phone' }, other.access);
    expect(body).toEqual({ id: expect.any(String), secret: expect.stringMatching(/^[A-Z2-7]{32}$/), uri: body.uri });
    expect(body.uri).toContain(`secret=${body.secret}`);
    const confirm = (id: string, code: string, access = other.access) =>
      service.post(`/users/mfa/totp/${id}/confirm`, { code }, access);
    expect(word(await confirm(body.id, '12345x'))).toBe('401 invalid_mfa_code');
    expect((await service.get('/users/mfa', other.access)).body.enabled).toBe(false);
    expect(
      (await service.post('/auth/login', { email: other.email, password: other.password })).body.mfa_required,
    ).toBe(false);
    expect(word(await confirm(member.factor, totpCode(body.secret)))).toBe('404 not_found');
    expect((await confirm(body.id, totpCode(body.secret))).body.recovery_codes).toHaveLength(10);
    const access = await reauthenticateByTotp(service, { ...member, ...other, secret: body.secret });
    const second = await service.post('/users/mfa/totp', {}, access);
    expect((await confirm(second.body.id, totpCode(second.body.secret), access)).body).toEqual({});
  });

  it('stores the secret encrypted for its row, and recovery codes as MACs', async () => {
    const [row] = await service.sql('SELECT secret FROM mfa_factors WHERE id = $1', [member.factor]);
    expect(row.secret).toMatch(/^k1\./);
    expect(row.secret).not.toContain(member.secret);
    const codes = await service.sql('SELECT code_mac FROM recovery_codes WHERE user_id = $1', [member.id]);
    for (const { code_mac: mac } of codes) expect(mac).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a sign-in with a second factor', () => {
  it('opens no session by the password, and one by the code', async () => {
    const { email, password } = member;
    const before = await service.sql('SELECT FROM user_sessions WHERE user_id = $1', [member.id]);
    const { status, body } = await service.post('/auth/login', { email, password });
    expect([status, body]).toEqual([
      200,
      { mfa_required: true, mfa_token: body.mfa_token, expires_in: 300, methods: ['totp', 'recovery_code'] },
    ]);
    expect(body.mfa_token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await service.sql('SELECT FROM user_sessions WHERE user_id = $1', [member.id])).toHaveLength(before.length);

    const answer = await verify(body.mfa_token, totpCode(member.secret));
    expect(answer.status).toBe(200);
    expect(answer.body.user).toMatchObject({ id: member.id, mfa_enabled: true });
    expect(decode(answer.body.access_token)).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' });
    const refreshed = await service.post('/auth/refresh', { refresh_token: answer.body.refresh_token });
    expect(decode(refreshed.body.access_token)).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' });
  });

  it('answers a wrong password like that of any account', async () => {
    const wrong = await service.post('/auth/login', { email: member.email, password: 'not this one' });
    const unknown = await service.post('/auth/login', { email: 'nobody@example.com', password: 'not this one' });
    expect(wrong.body.error).toEqual(unknown.body.error);
  });

  it('takes one code once: of two sign-ins at the same time one succeeds', async () => {
    const tokens = [await mfaToken(service, member), await mfaToken(service, member)];
    const code = totpCode(member.secret);
    const answers = await Promise.all(tokens.map((token) => verify(token, code)));
    expect(answers.map(word).sort()).toEqual(['200', '401 invalid_mfa_code']);
    expect(word(await verify(await mfaToken(service, member), code))).toBe('401 invalid_mfa_code');
  });

  it('takes one mfa_token once', async () => {
    const token = await mfaToken(service, member);
    const codes = [member.recoveryCodes[0]!, member.recoveryCodes[1]!];
    const answers = await Promise.all(codes.map((code) => verify(token, code, 'recovery_code')));
    expect(answers.map(word).sort()).toEqual(['200', '400 invalid_or_expired_token']);
    expect(word(await verify('A'.repeat(43), totpCode(member.secret)))).toBe('400 invalid_or_expired_token');
  });

  it('accepts the codes of one step before and after, and no others', async () => {
    for (const [steps, expected] of [
      [-2, '401 invalid_mfa_code'],
      [-1, '200'],
      [1, '200'],
      [3, '401 invalid_mfa_code'],
    ] as const)
      expect([steps, word(await verify(await mfaToken(service, member), totpCode(member.secret, steps)))]).toEqual([
        steps,
        expected,
      ]);
  });

  it('ends the mfa_token with the tenth wrong code, however many arrive at the same time', async () => {
    const token = await mfaToken(service, member);
    const codes = Array.from({ length: 30 }, (_, index) => String(900_000 + index));
    const answers = await Promise.all(codes.map((code) => verify(token, code)));
    expect(answers.map(word).filter((answer) => answer === '401 invalid_mfa_code')).toHaveLength(10);
    const [row] = await service.sql('SELECT failures FROM mfa_factors WHERE user_id = $1', [member.id]);
    expect(row).toEqual({ failures: 10 });
    expect(word(await verify(token, totpCode(member.secret)))).toBe('400 invalid_or_expired_token');
  });

  it('ends with a reset of the password or a deactivation in between', async () => {
    const [first, second] = [await mfaToken(service, member), await mfaToken(service, member)];
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [member.id]);
    expect(word(await verify(first, totpCode(member.secret)))).toBe('403 account_disabled');
    await service.sql('UPDATE users SET is_active = true, password_generation = 7 WHERE id = $1', [member.id]);
    await freshCodes(service, member);
    expect(word(await verify(second, totpCode(member.secret)))).toBe('400 invalid_or_expired_token');
  });

  it('suspends TOTP after 100 wrong codes in a row, until another factor succeeds', async () => {
    await service.sql('UPDATE mfa_factors SET failures = 99 WHERE user_id = $1', [member.id]);
    expect(word(await verify(await mfaToken(service, member), wrongCode()))).toBe('401 invalid_mfa_code');
    expect(await actionsOf()).toContain('mfa.totp_suspended');
    const { email, password } = member;
    const { body } = await service.post('/auth/login', { email, password });
    expect(body.methods).toEqual(['recovery_code']);
    expect(word(await verify(body.mfa_token, totpCode(member.secret)))).toBe('401 invalid_mfa_code');
    expect(word(await verify(body.mfa_token, member.recoveryCodes[0]!, 'recovery_code'))).toBe('200');
    expect((await signInByTotp(service, member)).status).toBe(200);
  });

  it('limits wrong codes by account and client', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true' });
    const attempt = async (code: string, remoteAddress: string) =>
      limited.request('POST', '/auth/mfa/verify', {
        body: { mfa_token: await mfaToken(limited, member), method: 'totp', code },
        remoteAddress,
      });
    await times(10, () => attempt(wrongCode(), '192.0.2.9'));
    expect(word(await attempt(totpCode(member.secret), '192.0.2.9'))).toBe('429 rate_limited');
    expect(word(await attempt(totpCode(member.secret), '192.0.2.10'))).toBe('200');
    await limited.stop();
  });
});

describe('recovery codes', () => {
  it('work once each, in any spelling', async () => {
    const [first] = member.recoveryCodes;
    const spelled = first!.toLowerCase().replaceAll('-', ' ');
    expect(word(await verify(await mfaToken(service, member), spelled, 'recovery_code'))).toBe('200');
    expect(word(await verify(await mfaToken(service, member), first!, 'recovery_code'))).toBe('401 invalid_mfa_code');
    expect((await service.get('/users/mfa', member.access)).body.recovery_codes_left).toBe(9);
    expect(await actionsOf()).toContain('mfa.recovery_code_used');
  });

  it('still work after a rotation of the keys', async () => {
    const key = Buffer.alloc(32, 'the next key').toString('base64');
    const rotated = await TestApp.start({
      ENCRYPTION_KEYS: `k2:${key},k1:${Buffer.alloc(32, 'spec key one').toString('base64')}`,
    });
    const body = { mfa_token: await mfaToken(rotated, member), method: 'recovery_code', code: member.recoveryCodes[0] };
    expect(word(await rotated.post('/auth/mfa/verify', body))).toBe('200');
    await rotated.stop();
  });

  it('are replaced on demand', async () => {
    const access = await reauthenticateByTotp(service, member);
    const { body } = await service.post('/users/mfa/recovery-codes', undefined, access);
    expect(body.recovery_codes).toHaveLength(10);
    const token = await mfaToken(service, member);
    expect(word(await verify(token, member.recoveryCodes[0]!, 'recovery_code'))).toBe('401 invalid_mfa_code');
    expect(word(await verify(token, body.recovery_codes[0], 'recovery_code'))).toBe('200');
    const other = await service.member();
    expect(word(await service.post('/users/mfa/recovery-codes', undefined, other.access))).toBe('404 not_found');
  });
});

describe('removing the last factor', () => {
  it('removes the recovery codes, and sign-ins need the password alone', async () => {
    expect(word(await service.delete(`/users/mfa/${member.factor}`, (await service.member()).access))).toBe(
      '404 not_found',
    );
    const access = await reauthenticateByTotp(service, member);
    expect((await service.delete(`/users/mfa/${member.factor}`, access)).status).toBe(204);
    const { body } = await service.post('/auth/login', { email: member.email, password: member.password });
    expect([body.mfa_required, body.user.mfa_enabled]).toEqual([false, false]);
    expect(await service.sql('SELECT FROM recovery_codes WHERE user_id = $1', [member.id])).toEqual([]);
  });
});

describe('a stolen mailbox', () => {
  it('does not open an account with a factor: a reset keeps it', async () => {
    await service.sql('UPDATE users SET password_proven_at = now() WHERE id = $1', [member.id]);
    expect((await passwordResetBy(service, member.email, 'another horse battery')).status).toBe(204);
    const body = { email: member.email, password: 'another horse battery' };
    expect((await service.post('/auth/login', body)).body).toMatchObject({ mfa_required: true });
  });

  it('removes the factors of an account whose address was registered without proof', async () => {
    expect((await passwordResetBy(service, member.email, 'another horse battery')).status).toBe(204);
    const body = { email: member.email, password: 'another horse battery' };
    expect((await service.post('/auth/login', body)).body).toMatchObject({ mfa_required: false });
    expect(await service.sql('SELECT FROM mfa_factors WHERE user_id = $1', [member.id])).toEqual([]);
  });
});
