import { tokenHash } from '../src/crypto/tokens.js';
import { MailSender } from '../src/mail/mail-sender.js';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { LIMITED, login as signIn } from './support/sign-ins.js';

const NEXT = 'another horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const login = (email: string, password: string, from?: string, app = service) => signIn(app, email, password, from);
const reset = (token: string, password = NEXT) => service.post('/auth/password/reset', { token, password });
const forgot = (email: string) => service.post('/auth/password/forgot', { email });

/** A new link's token. @param count of mails to the address, this one included */
async function requested(email: string, count = 1): Promise<string> {
  expect((await forgot(email)).status).toBe(202);
  return mailedToken(email, 'password_reset', count);
}

async function audited(member: Member): Promise<string[]> {
  const rows = await service.sql('SELECT action FROM audit_logs WHERE target_id = $1 ORDER BY id', [member.id]);
  return rows.map(({ action }) => action);
}

/** Waits for queued mail. */
const mailSettled = () => service.app.get(MailSender).idle();

describe('POST /auth/password/forgot', () => {
  it('answers the same for an account, an unknown address and a disabled account, and mails only the first', async () => {
    const [member, disabled] = [await service.member(), await service.member()];
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [disabled.id]);
    const stranger = uniqueEmail();
    const answers = await Promise.all([member.email, disabled.email, stranger].map(forgot));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]!.status).toBe(202);
    await mailTo(member.email, 'password_reset');
    await mailSettled();
    expect(await mailsTo(disabled.email, 'password_reset')).toEqual([]);
    expect(await mailsTo(stranger, 'password_reset')).toEqual([]);
  });

  it('answers before it looks up the account', async () => {
    const { email } = await service.member();
    const holder = service.database.createQueryRunner();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE users, one_time_tokens IN ACCESS EXCLUSIVE MODE');
    const answer = await forgot(email);
    await holder.query('ROLLBACK');
    await holder.release();
    expect(answer.status).toBe(202);
    await mailTo(email, 'password_reset');
  });

  it('stores a hash of the token for an hour', async () => {
    const member = await service.member();
    const token = await requested(member.email);
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    const rows = await service.sql(
      `SELECT token_hash, round(extract(epoch FROM expires_at - created_at))::int AS seconds, t::text AS row
         FROM one_time_tokens t WHERE user_id = $1 AND purpose = 'password_reset'`,
      [member.id],
    );
    expect(rows).toEqual([{ token_hash: tokenHash(token), seconds: 3600, row: expect.not.stringContaining(token) }]);
  });

  it('is limited by address, the same with and without an account', async () => {
    const limited = await TestApp.start(LIMITED);
    const { email } = await limited.member();
    const [known, unknown] = await Promise.all(
      [email, uniqueEmail()].map(async (address) => {
        const answers: unknown[] = [];
        for (let count = 0; count < 6; count += 1) {
          const { status, headers } = await limited.post('/auth/password/forgot', { email: address });
          answers.push([status, headers['ratelimit-limit'], headers['ratelimit-remaining'], 'retry-after' in headers]);
        }
        return answers;
      }),
    );
    expect(unknown).toEqual(known);
    expect(known!.slice(4)).toEqual([
      [202, '5', '0', false],
      [429, '5', '0', true],
    ]);
    await limited.stop();
  });

  it('sends the mail even if the process ends right after the request', async () => {
    const ending = await TestApp.start();
    const { email } = await ending.member();
    await ending.post('/auth/password/forgot', { email });
    await ending.stop();
    await mailTo(email, 'password_reset');
    await mailSettled();
    expect(await mailsTo(email, 'password_reset')).toHaveLength(1);
  });
});

describe('POST /auth/password/reset', () => {
  it('sets the password, revokes every session, verifies the address, notifies the owner and is recorded', async () => {
    const member = await service.member();
    const answer = await reset(await requested(member.email));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await service.get('/users/profile', member.access)).status).toBe(401);
    expect((await login(member.email, member.password)).status).toBe(401);
    const { status, body } = await login(member.email, NEXT);
    expect([status, body.user.is_verified]).toEqual([200, true]);
    await mailTo(member.email, 'password_changed');
    expect(await audited(member)).toEqual([
      'user.registered',
      'password.reset_requested',
      'account.reclaimed',
      'password.reset',
      'session.opened',
      'sign_in.new_device',
    ]);
    const events = await service.sql(
      `SELECT payload FROM outbox_events WHERE user_id = $1 AND event_type = 'user.updated'`,
      [member.id],
    );
    // The address was never verified, so the profile is cleared too.
    expect(events).toEqual([{ payload: { updated_fields: ['is_verified', 'name'] } }]);
    expect((await mailTo(member.email, 'password_changed')).text).toContain('We have therefore cleared its profile');
  });

  it('refuses a used link with another password', async () => {
    const { email } = await service.member();
    const token = await requested(email);
    expect((await reset(token)).status).toBe(204);
    const again = await reset(token, 'a third horse battery');
    expect([again.status, again.body.error.type]).toEqual([400, 'invalid_or_expired_token']);
    expect((await login(email, NEXT)).status).toBe(200);
  });

  it('accepts one of two concurrent resets', async () => {
    const { email } = await service.member();
    const token = await requested(email);
    const passwords = ['first horse battery', 'other horse battery'];
    const answers = await Promise.all(passwords.map((password) => reset(token, password)));
    expect(answers.map(({ status, body }) => body.error?.type ?? status).sort()).toEqual([
      204,
      'invalid_or_expired_token',
    ]);
    const winner = answers.findIndex(({ status }) => status === 204);
    expect((await login(email, passwords[winner]!)).status).toBe(200);
    expect((await login(email, passwords[1 - winner]!)).status).toBe(401);
  });

  it('does not consume the link for a password that breaks the rules', async () => {
    const { email } = await service.member();
    const token = await requested(email);
    for (const password of ['short', email, 'ä'.repeat(40)]) {
      const answer = await reset(token, password);
      expect([answer.status, answer.body.error.type]).toEqual([400, 'weak_password']);
    }
    expect((await reset(token)).status).toBe(204);
  });

  it('invalidates the other links of the user', async () => {
    const { email } = await service.member();
    const first = await requested(email);
    const second = await requested(email, 2);
    expect((await reset(second)).status).toBe(204);
    expect((await reset(first)).body.error.type).toBe('invalid_or_expired_token');
  });

  it('refuses a link that is expired, unknown, malformed, for another purpose or of a disabled account', async () => {
    const member = await service.member();
    const expired = await requested(member.email);
    await service.sql(`UPDATE one_time_tokens SET expires_at = now() WHERE token_hash = $1`, [tokenHash(expired)]);
    const disabled = await service.member();
    const ofDisabled = await requested(disabled.email);
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [disabled.id]);
    const verification = await mailedToken(member.email, 'email_verification');
    for (const token of [
      expired,
      ofDisabled,
      verification,
      'a'.repeat(43),
      'a'.repeat(5000),
      '',
      "'; DROP TABLE users",
    ]) {
      const answer = await reset(token);
      expect([answer.status, answer.body.error.type]).toEqual([400, 'invalid_or_expired_token']);
    }
  });

  it('sets the first password of an account that signs in at a provider', async () => {
    const member = await service.member();
    await service.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [member.id]);
    expect((await reset(await requested(member.email))).status).toBe(204);
    expect((await login(member.email, NEXT)).body.user.has_password).toBe(true);
    const [{ payload }] = await service.sql(
      `SELECT payload FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id DESC LIMIT 1`,
      [member.id],
    );
    expect(payload.updated_fields).toEqual(['has_password', 'is_verified', 'name']);
  });

  it('ends the lockout of every client on every instance', async () => {
    const [one, two] = [await TestApp.start(LIMITED), await TestApp.start(LIMITED)];
    const { email, password } = await one.member();
    for (const app of [one, two])
      for (let count = 0; count < 11; count += 1) await login(email, 'wrong password 1', '198.51.100.7', app);
    expect((await login(email, password, '198.51.100.7', one)).status).toBe(429);
    await one.post('/auth/password/forgot', { email });
    await one.post('/auth/password/reset', { token: await mailedToken(email, 'password_reset'), password: NEXT });
    for (const app of [one, two]) expect((await login(email, NEXT, '198.51.100.7', app)).status).toBe(200);
    await one.stop();
    await two.stop();
  });

  it('limits guesses by client, and does not count valid links', async () => {
    const limited = await TestApp.start({ ...LIMITED, RATE_LIMIT_TOKEN_IP: '3' });
    const { email } = await limited.member();
    await limited.post('/auth/password/forgot', { email });
    const token = await mailedToken(email, 'password_reset');
    const guess = (from: string, value = 'guess', password = NEXT) =>
      limited.request('POST', '/auth/password/reset', { body: { token: value, password }, remoteAddress: from });
    for (let count = 0; count < 5; count += 1) expect((await guess('198.51.100.9', token, 'weak')).status).toBe(400);
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await guess('198.51.100.9')).status);
    expect(statuses).toEqual([400, 400, 400, 429, 429]);
    expect((await guess('198.51.100.9', token)).headers['retry-after']).toBeDefined();
    expect((await guess('198.51.100.10', token)).status).toBe(204);
    await limited.stop();
  });
});
