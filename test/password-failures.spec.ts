import { auditOf, passwordResetBy } from './support/accounts.js';
import { type Answer, type Member, TestApp, uniqueEmail } from './support/app.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { word } from './support/sessions.js';
import { LIMITED, login, newClient, times, WRONG } from './support/sign-ins.js';

const MAX_ATTEMPTS = 3;

let service: TestApp;
let member: Member;

beforeAll(async () => {
  service = await TestApp.start({ ...LIMITED, PASSWORD_MAX_FAILURES: String(MAX_ATTEMPTS) });
});
afterAll(() => service.stopAndDrop());
beforeEach(async () => {
  member = await service.member();
});

const failures = async ({ id } = member) =>
  (await service.sql('SELECT password_failures AS n FROM users WHERE id = $1', [id]))[0]!.n;
const setFailures = (n: number) => service.sql('UPDATE users SET password_failures = $2 WHERE id = $1', [member.id, n]);
/** From another client each time. */
const attempt = (password: string, from = newClient(), app = service) => login(app, member.email, password, from);
const disabledEntries = async () =>
  (await auditOf(service, member.id)).filter(({ action }) => action === 'password.disabled');
/** The answer without values that differ each time. */
const seen = ({ status, body, headers }: Answer) => [
  status,
  body.error,
  Object.keys(headers).sort(),
  headers['ratelimit-limit'],
  headers['ratelimit-remaining'],
];

describe('wrong passwords in a row', () => {
  it('disable the password for clients that never signed in, and for no others', async () => {
    await times(MAX_ATTEMPTS, () => attempt(WRONG));
    const stranger = newClient();
    const right = await attempt(member.password, stranger);
    expect(word(right)).toBe('401 invalid_credentials');
    const unknown = await login(service, uniqueEmail(), member.password, newClient());
    expect(seen(right)).toEqual(seen(unknown));
    expect(word(await attempt(WRONG, stranger))).toBe('401 invalid_credentials');
    // The member registered from here.
    expect((await attempt(member.password, '127.0.0.1')).status).toBe(200);
    expect(await failures()).toBe(MAX_ATTEMPTS);
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
    expect((await service.post('/auth/refresh', { refresh_token: member.refresh })).status).toBe(200);
  });

  it('write one audit entry, and mail a link whose new password works everywhere', async () => {
    await times(MAX_ATTEMPTS + 2, () => attempt(WRONG));
    expect(await disabledEntries()).toEqual([{ action: 'password.disabled', after: { failures: MAX_ATTEMPTS } }]);
    const token = await mailedToken(member.email, 'password_disabled');
    expect(await mailsTo(member.email, 'password_disabled')).toHaveLength(1);
    const password = 'another fine phrase 7';
    expect((await service.post('/auth/password/reset', { token, password })).status).toBe(204);
    expect([await failures(), (await attempt(password)).status]).toEqual([0, 200]);
  });

  it('are counted once each, however many arrive at the same time', async () => {
    const many = await TestApp.start(LIMITED);
    const answers = await Promise.all(Array.from({ length: 7 }, () => attempt(WRONG, newClient(), many)));
    expect(answers.map(word)).toEqual(Array(7).fill('401 invalid_credentials'));
    expect(await failures()).toBe(7);
    await many.stop();
    await Promise.all(Array.from({ length: 5 }, () => attempt(WRONG)));
    expect([await failures(), await disabledEntries()]).toEqual([7, []]);
  });

  it('disable it once, however many arrive at the same time', async () => {
    await Promise.all(Array.from({ length: 2 * MAX_ATTEMPTS }, () => attempt(WRONG)));
    expect([await failures(), (await disabledEntries()).length]).toEqual([MAX_ATTEMPTS, 1]);
    await mailTo(member.email, 'password_disabled');
    expect(await mailsTo(member.email, 'password_disabled')).toHaveLength(1);
  });

  it('refuse a right one that was compared before the last of them counted', async () => {
    const runner = service.database.createQueryRunner();
    await runner.startTransaction();
    await runner.query('UPDATE users SET password_failures = $2 WHERE id = $1', [member.id, MAX_ATTEMPTS]);
    const right = attempt(member.password);
    await service.blocked();
    await runner.commitTransaction();
    await runner.release();
    expect(word(await right)).toBe('401 invalid_credentials');
  });

  it('refuse a right one that starts over too late', async () => {
    await setFailures(1);
    const runner = service.database.createQueryRunner();
    await runner.startTransaction();
    await runner.query('UPDATE users SET password_failures = $2 WHERE id = $1', [member.id, MAX_ATTEMPTS]);
    const right = attempt(member.password);
    await service.blocked();
    await runner.commitTransaction();
    await runner.release();
    expect([word(await right), await failures()]).toEqual(['401 invalid_credentials', MAX_ATTEMPTS]);
  });

  it('start over with a right one', async () => {
    await times(MAX_ATTEMPTS - 1, () => attempt(WRONG));
    expect(await failures()).toBe(MAX_ATTEMPTS - 1);
    expect([(await attempt(member.password)).status, await failures()]).toEqual([200, 0]);
    await times(MAX_ATTEMPTS - 1, () => attempt(WRONG));
    expect(await disabledEntries()).toEqual([]);
  });

  it('count from signed-in routes too, which keep taking the right one', async () => {
    const reauthenticate = (password: string) => service.post('/auth/reauthenticate', { password }, member.access);
    await times(MAX_ATTEMPTS, () => reauthenticate(WRONG));
    expect((await disabledEntries()).length).toBe(1);
    expect([word(await reauthenticate(member.password)), await failures()]).toEqual(['200', MAX_ATTEMPTS]);
    const body = { current_password: member.password, new_password: 'another fine phrase 7' };
    expect(word(await service.post('/auth/password/change', body, member.access))).toBe('204');
    expect([await failures(), (await attempt(body.new_password)).status]).toEqual([0, 200]);
  });

  it('are not counted for an account without a password', async () => {
    await service.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [member.id]);
    await times(MAX_ATTEMPTS, () => attempt(WRONG));
    expect([await failures(), await disabledEntries()]).toEqual([0, []]);
  });

  it('mail nothing to a deactivated account', async () => {
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [member.id]);
    await times(MAX_ATTEMPTS, () => attempt(WRONG));
    expect((await disabledEntries()).length).toBe(1);
    const queued = await service.sql(`SELECT FROM mail_queue WHERE user_id = $1 AND kind = 'password_disabled'`, [
      member.id,
    ]);
    expect([queued, await mailsTo(member.email, 'password_disabled')]).toEqual([[], []]);
  });

  it('are without a limit where PASSWORD_MAX_FAILURES is 0', async () => {
    const unlimited = await TestApp.start({ ...LIMITED, PASSWORD_MAX_FAILURES: '0' });
    await setFailures(1_000_000);
    await attempt(WRONG, newClient(), unlimited);
    expect([(await attempt(member.password, newClient(), unlimited)).status, await failures()]).toEqual([
      200, 1_000_000,
    ]);
    await unlimited.stop();
  });
});

describe('the right password', () => {
  it('of an unconfirmed account does not count', async () => {
    const strict = await TestApp.start({
      ...LIMITED,
      PASSWORD_MAX_FAILURES: String(MAX_ATTEMPTS),
      REQUIRE_EMAIL_VERIFICATION: 'true',
    });
    await times(MAX_ATTEMPTS + 1, () => attempt(member.password, newClient(), strict));
    expect(await failures()).toBe(0);
    await strict.stop();
  });

  it('no longer signs in from behind a proxy that hides its clients, where it is disabled', async () => {
    await setFailures(MAX_ATTEMPTS);
    const hidden = { 'x-forwarded-for': '198.51.100.7' };
    const answer = await login(service, member.email, member.password, '127.0.0.1', hidden);
    expect(word(answer)).toBe('401 invalid_credentials');
  });

  it('works again everywhere after a reset', async () => {
    await setFailures(MAX_ATTEMPTS);
    const password = 'another fine phrase 7';
    expect((await passwordResetBy(service, member.email, password)).status).toBe(204);
    expect((await attempt(password)).status).toBe(200);
  });
});
