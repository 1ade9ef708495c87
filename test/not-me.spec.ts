import { auditOf, identitiesOf, provenMember } from './support/accounts.js';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { Browser } from './support/browser.js';
import { addTotp, freshCodes, totpCode, WithTotp } from './support/factors.js';
import { mailedToken, mailsTo, noticeToken } from './support/mailbox.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { word } from './support/sessions.js';
import { login, times } from './support/sign-ins.js';

const NEXT = 'another horse battery';

let oidc: OidcProvider;
let service: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start(oidc.values);
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

const report = (token: string, code?: string) => service.post('/auth/account/not-me', { token, ...(code && { code }) });
const rowOf = async ({ id }: Member) => (await service.sql('SELECT * FROM users WHERE id = $1', [id]))[0]!;

/** Changes the password; the token of the notice. */
async function passwordChanged(member: Member): Promise<string> {
  const body = { current_password: member.password, new_password: NEXT };
  expect((await service.post('/auth/password/change', body, member.access)).status).toBe(204);
  return noticeToken(member.email, 'password_changed');
}

/** Changes the address in the member's session; the new one. */
async function addressChanged(member: Member, access = member.access): Promise<string> {
  const next = uniqueEmail();
  expect((await service.post('/auth/email/change', { email: next }, access)).status).toBe(202);
  const token = await mailedToken(next, 'email_change');
  expect((await service.post('/auth/email/verify', { token }, access)).status).toBe(204);
  return next;
}

/** An access token whose authentication included the factor. */
async function withFactor({ access, secret, ...member }: WithTotp): Promise<string> {
  await freshCodes(service, { access, ...member });
  const answer = await service.post('/auth/reauthenticate', { code: totpCode(secret) }, access);
  return answer.body.access_token;
}

describe('POST /auth/account/not-me', () => {
  it('ends all sessions, disables the password until a reset, and mails a link to set one', async () => {
    const member = await provenMember(service);
    const token = await passwordChanged(member);
    const { body: thief } = await login(service, member.email, NEXT);
    expect(word(await report(token))).toBe('204');
    for (const access of [member.access, thief.access_token])
      expect((await service.get('/users/profile', access)).status).toBe(401);
    for (const password of [member.password, NEXT])
      expect((await login(service, member.email, password)).status).toBe(401);
    const reset = await mailedToken(member.email, 'password_reset');
    expect((await service.post('/auth/password/reset', { token: reset, password: 'yet another horse' })).status).toBe(
      204,
    );
    expect((await login(service, member.email, 'yet another horse')).status).toBe(200);
    const entry = (await auditOf(service, member.id)).find(({ action }) => action === 'account.reported');
    expect(entry!.after).toEqual({ sessions: 2, updated_fields: ['has_password'] });
    const events = await service.sql(
      `SELECT payload->'events' AS events FROM outbox_events WHERE user_id = $1 AND event_type = 'credential.changed'`,
      [member.id],
    );
    expect(JSON.stringify(events)).toContain('"change_type":"revoke"');
  });

  it('does nothing more when it is repeated', async () => {
    const member = await provenMember(service);
    const token = await passwordChanged(member);
    expect((await Promise.all([report(token), report(token)])).map(word)).toEqual(['204', '204']);
    const reset = await mailedToken(member.email, 'password_reset');
    await service.post('/auth/password/reset', { token: reset, password: NEXT });
    expect(word(await report(token))).toBe('204');
    expect((await login(service, member.email, NEXT)).status).toBe(200);
    expect(await mailsTo(member.email, 'password_reset')).toHaveLength(1);
  });

  it.each([
    ['an unknown one', async () => 'unknown'],
    [
      'one older than 72 hours',
      async (token: string) => {
        await service.sql(`UPDATE one_time_tokens SET expires_at = now() WHERE purpose = 'not_me'`);
        return token;
      },
    ],
    [
      'one of another purpose',
      async (_: string, email: string) => {
        await service.post('/auth/password/forgot', { email });
        return mailedToken(email, 'password_reset');
      },
    ],
  ])('refuses %s', async (_, tokenOf) => {
    const member = await provenMember(service);
    const token = await tokenOf(await passwordChanged(member), member.email);
    expect(word(await report(token))).toBe('400 invalid_or_expired_token');
    expect((await rowOf(member)).password_hash).not.toBeNull();
  });

  it('restores the address of the event, whose link outlives other links, and frees the new one', async () => {
    const member = await provenMember(service);
    const next = await addressChanged(member);
    await service.post('/auth/password/forgot', { email: next });
    const theirs = await mailedToken(next, 'password_reset');
    const token = await noticeToken(member.email, 'email_changed');
    expect(word(await report(token))).toBe('204');
    expect(await rowOf(member)).toMatchObject({ email: member.email, is_verified: true, password_hash: null });
    expect(await mailedToken(member.email, 'password_reset')).toBeTruthy();
    expect(word(await service.post('/auth/password/reset', { token: theirs, password: NEXT }))).toBe(
      '400 invalid_or_expired_token',
    );
    const [event] = await service.sql(
      `SELECT payload FROM outbox_events WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id DESC LIMIT 1`,
      [member.id],
    );
    expect(event!.payload.updated_fields).toEqual(['email', 'has_password']);
    expect((await service.member({ email: next })).email).toBe(next);
  });

  it('restores an address that was never confirmed as unconfirmed', async () => {
    const member = await service.member();
    await addressChanged(member);
    expect((await rowOf(member)).is_verified).toBe(true);
    await report(await noticeToken(member.email, 'email_changed'));
    expect(await rowOf(member)).toMatchObject({ email: member.email, is_verified: false });
  });

  it('ends the links of later events, which went to the mailbox of a thief', async () => {
    const member = await provenMember(service);
    const thiefs = await addressChanged(member);
    await addressChanged({ ...member, email: thiefs });
    const [first, second] = [
      await noticeToken(member.email, 'email_changed'),
      await noticeToken(thiefs, 'email_changed'),
    ];
    expect(word(await report(first))).toBe('204');
    expect(word(await report(second))).toBe('400 invalid_or_expired_token');
    expect((await rowOf(member)).email).toBe(member.email);
    expect((await service.member({ email: thiefs })).email).toBe(thiefs);
  });

  it('removes the identities and factors that were added since, and keeps the others', async () => {
    const claims = person();
    const { body } = await new Browser(service).signIn('google', oidc, claims);
    const member = { id: body.user.id, email: claims.email, access: body.access_token, refresh: '', password: '' };
    await new Browser(service).signIn('linkedin', oidc, person({ email: claims.email }));
    await addTotp(service, member);
    expect(word(await report(await noticeToken(member.email, 'account_linked')))).toBe('204');
    expect(await identitiesOf(service, member.id)).toEqual([{ provider: 'google', email: claims.email }]);
    expect(await rowOf(member)).toMatchObject({ oauth_provider: 'google', mfa_enabled: false });
    const left = 'SELECT FROM mfa_factors WHERE user_id = $1 UNION ALL SELECT FROM recovery_codes WHERE user_id = $1';
    expect(await service.sql(left, [member.id])).toEqual([]);
  });

  it('wins against a sign-in by the password that it disables', async () => {
    const member = await provenMember(service);
    const token = await passwordChanged(member);
    const other = service.database.createQueryRunner();
    await other.startTransaction();
    await other.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [member.id]);
    const reported = report(token);
    await service.blocked();
    const signIn = login(service, member.email, NEXT);
    await service.blocked(2);
    await other.commitTransaction();
    await other.release();
    expect([word(await reported), word(await signIn)]).toEqual(['204', '401 invalid_credentials']);
  });
});

describe('POST /auth/account/not-me for an account that had a factor', () => {
  const attacked = async () => {
    const member = await addTotp(service, await provenMember(service));
    const access = await withFactor(member);
    const next = await addressChanged(member, access);
    return { member, access, next, token: await noticeToken(member.email, 'email_changed') };
  };

  it('asks for a factor of before the event', async () => {
    const { member, token } = await attacked();
    const missing = await report(token);
    expect([word(missing), missing.body.methods]).toEqual(['403 mfa_required', ['totp', 'recovery_code']]);
    expect(word(await report(token, '000000'))).toBe('401 invalid_mfa_code');
    expect((await rowOf(member)).password_hash).not.toBeNull();
    await freshCodes(service, member);
    expect(word(await report(token, totpCode(member.secret)))).toBe('204');
    expect(await rowOf(member)).toMatchObject({ email: member.email, mfa_enabled: true, password_hash: null });
  });

  it('takes a recovery code once, and no code that was made after the event', async () => {
    const { member, access, token } = await attacked();
    const { body } = await service.post('/users/mfa/recovery-codes', {}, access);
    expect(word(await report(token, body.recovery_codes[0]))).toBe('401 invalid_mfa_code');
    const other = await attacked();
    expect(word(await report(other.token, other.member.recoveryCodes[0]))).toBe('204');
    const left = await service.sql('SELECT FROM recovery_codes WHERE user_id = $1', [other.member.id]);
    expect(left).toHaveLength(9);
    expect(member.recoveryCodes).toHaveLength(10);
  });

  it('only ends sessions and password if no factor of before the event is left: a stolen mailbox proves no more', async () => {
    const { member, access, next, token } = await attacked();
    expect((await service.delete(`/users/mfa/${member.factor}`, access)).status).toBe(204);
    await addTotp(service, { ...member, access });
    expect(word(await report(token))).toBe('204');
    expect(await rowOf(member)).toMatchObject({ email: next, mfa_enabled: true, password_hash: null });
    expect((await service.get('/users/profile', access)).status).toBe(401);
  });

  it('limits wrong codes', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true' });
    const { token } = await attacked();
    const answers = await times(11, () => limited.post('/auth/account/not-me', { token, code: '000000' }));
    expect(answers.map(word).slice(9)).toEqual(['401 invalid_mfa_code', '429 rate_limited']);
    await limited.stop();
  });
});
