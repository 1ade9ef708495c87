import { tokenHash } from '../src/crypto/tokens.js';
import { Member, TestApp, uniqueEmail } from './support/app.js';
import { until } from './support/until.js';
import { linkIn, mailedToken, mailsTo, mailTo } from './support/mailbox.js';

const PASSWORD = 'correct horse battery';
let open: TestApp;
let strict: TestApp;

beforeAll(async () => {
  open = await TestApp.start();
  strict = await TestApp.start({ REQUIRE_EMAIL_VERIFICATION: 'true' });
});
afterAll(async () => {
  await strict.stop();
  await open.stopAndDrop();
});

const register = (app: TestApp, email: string, name = 'Ada', password = PASSWORD) =>
  app.post('/auth/register', { email, name, password });
const login = (app: TestApp, email: string, password = PASSWORD) => app.post('/auth/login', { email, password });
const verify = (token: string) => open.post('/auth/email/verify', { token });
const resend = (email: string) => open.post('/auth/email/resend', { email });
const noMailWaits = (app: TestApp) =>
  until(async () => (await app.sql(`SELECT FROM mail_queue WHERE contents <> ''`)).length === 0);

async function eventsOf(email: string): Promise<unknown[]> {
  const rows = await open.sql(
    `SELECT event_type, payload->'updated_fields' AS fields FROM outbox_events
      WHERE NOT security AND user_id = (SELECT id FROM users WHERE email = $1) ORDER BY id`,
    [email],
  );
  return rows.map(({ event_type: type, fields }) => [type, fields]);
}

describe('a new account', () => {
  it('gets a link that verifies its address once', async () => {
    const member = await open.member();
    const token = await mailedToken(member.email, 'email_verification');
    const [row] = await open.sql(
      `SELECT token_hash, round(extract(epoch FROM expires_at - created_at))::int AS seconds FROM one_time_tokens WHERE user_id = $1`,
      [member.id],
    );
    expect(row).toEqual({ token_hash: tokenHash(token), seconds: 86_400 });
    expect((await verify(token)).status).toBe(204);
    expect((await open.get('/users/profile', member.access)).body.is_verified).toBe(true);
    expect(await eventsOf(member.email)).toEqual([
      ['user.created', null],
      ['user.updated', ['is_verified']],
    ]);
    const audit = await open.sql(`SELECT 1 FROM audit_logs WHERE target_id = $1 AND action = 'email.verified'`, [
      member.id,
    ]);
    expect(audit).toHaveLength(1);
  });

  it('has a proven password once it is verified with that password or in a session of the account', async () => {
    const [typed, session, later] = [await open.member(), await open.member(), await open.member()];
    const confirm = async ({ email }: Member, body: object, token?: string) =>
      open.post('/auth/email/verify', { token: await mailedToken(email, 'email_verification'), ...body }, token);
    expect((await confirm(typed, { password: typed.password })).status).toBe(204);
    expect((await confirm(session, {}, session.access)).status).toBe(204);
    expect((await confirm(later, { password: '' }, typed.access)).status).toBe(204);
    const proven = () =>
      open.sql('SELECT password_proven_at IS NOT NULL AS is FROM users WHERE id = ANY ($1) ORDER BY created_at', [
        [typed.id, session.id, later.id],
      ]);
    expect(await proven()).toEqual([{ is: true }, { is: true }, { is: false }]);
    expect((await confirm(later, { password: later.password })).status).toBe(204);
    expect(await proven()).toEqual([{ is: true }, { is: true }, { is: true }]);
    // The password is proven, so none is compared.
    expect((await confirm(later, { password: 'not that one' })).status).toBe(204);
    const audit = await open.sql('SELECT action FROM audit_logs WHERE target_id = $1 ORDER BY id', [later.id]);
    expect(audit.map(({ action }) => action)).toEqual(['user.registered', 'email.verified', 'password.proven']);
    expect(await eventsOf(later.email)).toHaveLength(2);
  });

  it('is not verified if the password with the link is wrong, and attempts are limited', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true' });
    const { email, password } = await limited.member();
    const token = await mailedToken(email, 'email_verification');
    const types: unknown[] = [];
    for (let count = 0; count < 12; count += 1) {
      const { body } = await limited.post('/auth/email/verify', { token, password: 'wrong password 1' });
      types.push(body.error.type);
    }
    expect(new Set(types)).toEqual(new Set(['invalid_credentials', 'rate_limited']));
    expect((await limited.post('/auth/email/verify', { token, password })).status).toBe(429);
    expect(await open.sql('SELECT is_verified FROM users WHERE email = $1', [email])).toEqual([{ is_verified: false }]);
    expect((await limited.post('/auth/email/verify', { token })).status).toBe(204);
    await limited.stop();
  });

  it('does not prove a password that was replaced during the comparison', async () => {
    const member = await open.member();
    const token = await mailedToken(member.email, 'email_verification');
    const other = open.database.createQueryRunner();
    await other.startTransaction();
    await other.query(`UPDATE users SET password_hash = 'of another person' WHERE id = $1`, [member.id]);
    const answer = open.post('/auth/email/verify', { token, password: member.password });
    await open.blocked();
    await other.commitTransaction();
    await other.release();
    expect((await answer).body.error.type).toBe('invalid_credentials');
    expect(await open.sql('SELECT password_proven_at FROM users WHERE id = $1', [member.id])).toEqual([
      { password_proven_at: null },
    ]);
  });

  it('is not verified by an expired link, a link of another kind or a guess', async () => {
    const { email } = await open.member();
    const expired = await mailedToken(email, 'email_verification');
    await open.sql('UPDATE one_time_tokens SET expires_at = now() WHERE token_hash = $1', [tokenHash(expired)]);
    await open.post('/auth/password/forgot', { email });
    for (const token of [expired, await mailedToken(email, 'password_reset'), 'guess'])
      expect((await verify(token)).body.error.type).toBe('invalid_or_expired_token');
  });

  it('gets a link to the front end if there is one, else to the page of the service', async () => {
    const front = await TestApp.start({ APP_PUBLIC_URL: 'https://app.example/m/' });
    const [there, here] = [await front.member(), await open.member()];
    expect(linkIn(await mailTo(there.email, 'email_verification')).href).toMatch(
      /^https:\/\/app\.example\/m\/verify-email\?token=[\w-]{43}$/,
    );
    expect(linkIn(await mailTo(here.email, 'email_verification')).href).toMatch(
      /^http:\/\/localhost:8081\/auth\/email\/verify\?token=/,
    );
    await front.stop();
  });
});

describe('POST /auth/email/resend', () => {
  it('answers the same for every address, and mails only those that need a link', async () => {
    const [waiting, done, disabled] = [await open.member(), await open.member(), await open.member()];
    await verify(await mailedToken(done.email, 'email_verification'));
    await open.sql('UPDATE users SET is_active = false WHERE id = $1', [disabled.id]);
    const stranger = uniqueEmail();
    const addresses = [waiting.email, done.email, disabled.email, stranger];
    const answers = await Promise.all(addresses.map(resend));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]!.status).toBe(202);
    const second = await mailedToken(waiting.email, 'email_verification', 2);
    await noMailWaits(open);
    const counts = await Promise.all(addresses.map(async (to) => (await mailsTo(to, 'email_verification')).length));
    expect(counts).toEqual([2, 1, 1, 0]);
    expect((await verify(second)).status).toBe(204);
    // The second link invalidated the first.
    expect((await verify(await mailedToken(waiting.email, 'email_verification'))).status).toBe(400);
  });

  it('is limited by address, apart from password resets', async () => {
    const limited = await TestApp.start({ RATE_LIMIT_ENABLED: 'true' });
    const email = uniqueEmail();
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1)
      statuses.push((await limited.post('/auth/email/resend', { email })).status);
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429]);
    expect((await limited.post('/auth/password/forgot', { email })).status).toBe(202);
    await limited.stop();
  });
});

describe('with REQUIRE_EMAIL_VERIFICATION', () => {
  it('answers a registration the same for a new and a taken address', async () => {
    const email = uniqueEmail();
    const fresh = await register(strict, email);
    const taken = await register(strict, email, 'Another name', 'their own password');
    expect([fresh.status, taken.status, taken.text]).toEqual([202, 202, fresh.text]);
    expect(Object.keys(fresh.headers).sort()).toEqual(Object.keys(taken.headers).sort());
    await mailTo(email, 'already_registered');
    expect(await open.sql('SELECT FROM users WHERE email = $1', [email])).toHaveLength(1);
  });

  it('refuses a sign-in until the address is verified, with the same error for any password', async () => {
    const email = uniqueEmail();
    await register(strict, email);
    const [wrong, early] = [await login(strict, email, 'wrong password 1'), await login(strict, email)];
    expect([early.status, early.body.error]).toEqual([401, wrong.body.error]);
    await verify(await mailedToken(email, 'email_verification'));
    expect((await login(strict, email)).status).toBe(200);
  });

  it('notifies the owner of a taken address, with a link that evicts its creator', async () => {
    const email = uniqueEmail();
    await register(strict, email, 'Squatter');
    const squatted = await mailedToken(email, 'email_verification');
    await register(strict, email, 'Owner');
    const link = linkIn(await mailTo(email, 'already_registered'));
    expect(link.pathname).toBe('/auth/password/reset');
    const body = { token: link.searchParams.get('token'), password: 'the password of the owner' };
    expect((await strict.post('/auth/password/reset', body)).status).toBe(204);
    expect((await login(strict, email)).status).toBe(401);
    expect((await login(strict, email, body.password)).status).toBe(200);
    // Harmless: the address is verified already.
    expect((await verify(squatted)).status).toBe(204);
    expect(await eventsOf(email)).toHaveLength(2);
  });

  it('limits mails to the owner', async () => {
    const limited = await TestApp.start({ REQUIRE_EMAIL_VERIFICATION: 'true', RATE_LIMIT_ENABLED: 'true' });
    const email = uniqueEmail();
    for (let count = 0; count < 8; count += 1) expect((await register(limited, email)).status).toBe(202);
    await noMailWaits(limited);
    await limited.stop();
    // One of the five was the confirmation of the new account.
    expect(await mailsTo(email, 'already_registered')).toHaveLength(4);
  });

  it('creates one account for 50 concurrent registrations of an address', async () => {
    const email = uniqueEmail();
    const answers = await Promise.all(Array.from({ length: 50 }, () => register(strict, email)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    await noMailWaits(open);
    expect(await open.sql('SELECT 1 FROM users WHERE email = $1', [email])).toHaveLength(1);
  });
});
