import { MfaResets } from '../src/auth/mfa/mfa-resets.js';
import { auditOf, eventsOf } from './support/accounts.js';
import { type Member, TestApp, uniqueEmail } from './support/app.js';
import { addTotp, freshCodes, mfaToken, signInByTotp, totpCode, type WithTotp } from './support/factors.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { word } from './support/sessions.js';
import { until } from './support/until.js';
import { refuseRows } from './support/refused-rows.js';

let service: TestApp;
let admin: Member;
let member: WithTotp;

beforeAll(async () => {
  service = await TestApp.start();
  admin = await service.memberWithRole('admin');
});
afterAll(() => service.stopAndDrop());
beforeEach(async () => {
  member = await addTotp(service, await service.member());
});

const reset = (id = member.id) => service.post(`/admin/users/${id}/mfa/reset`, { reason: 'lost phone' }, admin.access);
const applyDue = () => service.app.get(MfaResets).applyDue();
/** As if a day had passed. */
const due = () =>
  service.sql(`UPDATE users SET mfa_reset_at = mfa_reset_at - interval '25 hours' WHERE id = $1`, [member.id]);
const state = async () =>
  (await service.sql('SELECT mfa_enabled, mfa_reset_at FROM users WHERE id = $1', [member.id]))[0]!;
const actions = async () => (await auditOf(service, member.id)).map(({ action }) => action);
const signIn = async () => {
  const { email, password } = member;
  return (await service.post('/auth/login', { email, password })).body.mfa_required;
};

describe('POST /admin/users/{id}/mfa/reset', () => {
  it('removes all factors a day later, and not before', async () => {
    const { status, body } = await reset();
    expect([status, Object.keys(body)]).toEqual([202, ['effective_at']]);
    const hours = (Date.parse(body.effective_at) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThanOrEqual(24);
    await applyDue();
    expect(await signIn()).toBe(true);
    expect((await reset()).body).toEqual(body);

    await due();
    await Promise.all([applyDue(), applyDue()]);
    expect([await signIn(), await state()]).toEqual([false, { mfa_enabled: false, mfa_reset_at: null }]);
    for (const table of ['mfa_factors', 'recovery_codes'])
      expect(await service.sql(`SELECT FROM ${table} WHERE user_id = $1`, [member.id])).toEqual([]);
    expect((await actions()).filter((action) => action === 'mfa.reset')).toHaveLength(1);
    expect((await eventsOf(service, member.id)).at(-1)).toEqual(['user.updated', ['mfa_enabled']]);
  });

  it('notifies the present address, one that can be restored, and those of provider accounts', async () => {
    const [former, given, provider] = [uniqueEmail(), uniqueEmail(), uniqueEmail()];
    await service.sql(
      `INSERT INTO former_emails (email, user_id, changed_at) VALUES ($1, $3, now()), ($2, $3, now() - interval '73 hours')`,
      [former, given, member.id],
    );
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id, email) VALUES ($1, 'google', 'reset-1', $2)`,
      [member.id, provider],
    );
    await reset();
    for (const address of [member.email, former, provider])
      expect((await mailTo(address, 'mfa_reset')).text).toContain('24 hours');
    // By now it may be another person's.
    await until(async () => (await service.sql('SELECT FROM mail_queue')).length === 0);
    expect(await mailsTo(given, 'mfa_reset')).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a sign-in with the app', () => signInByTotp(service, member)],
    [
      'a sign-in with a recovery code',
      async () =>
        service.post('/auth/mfa/verify', {
          mfa_token: await mfaToken(service, member),
          method: 'recovery_code',
          code: member.recoveryCodes[0],
        }),
    ],
    [
      'a re-authentication',
      async () => {
        await freshCodes(service, member);
        return service.post('/auth/reauthenticate', { code: totpCode(member.secret) }, member.access);
      },
    ],
    [
      'a "this was not me" link, without a code',
      async () => service.post('/auth/account/not-me', { token: await mailedToken(member.email, 'mfa_reset') }),
    ],
  ])('is cancelled by %s', async (_, act) => {
    await reset();
    await act();
    expect(await state()).toEqual({ mfa_enabled: true, mfa_reset_at: null });
    expect(await actions()).toContain('mfa.reset_cancelled');
    await due();
    await applyDue();
    expect((await state()).mfa_enabled).toBe(true);
  });

  it('is not cancelled by the password alone', async () => {
    await reset();
    await signIn();
    expect((await state()).mfa_reset_at).not.toBeNull();
  });

  it('keeps the factors where a sign-in cancels it while it is applied', async () => {
    await reset();
    await due();
    const runner = service.database.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [member.id]);
    const applied = applyDue();
    await service.blocked();
    await runner.query('UPDATE users SET mfa_reset_at = NULL WHERE id = $1', [member.id]);
    await runner.commitTransaction();
    await runner.release();
    await applied;
    expect(await signIn()).toBe(true);
  });

  it('removes the factors of other accounts where one fails', async () => {
    const failing = member;
    await reset();
    await due();
    member = await addTotp(service, await service.member());
    await reset();
    await due();
    await service.sql(`UPDATE users SET mfa_reset_at = now() - interval '2 days' WHERE id = $1`, [failing.id]);
    const allow = await refuseRows(service, 'UPDATE ON users', `OLD.id = '${failing.id}'`);
    await expect(applyDue()).rejects.toThrow('no');
    await allow();
    expect((await state()).mfa_enabled).toBe(false);
    await applyDue();
  });

  it('ends with the factor, so that it does not remove a later one', async () => {
    await reset();
    await service.sql(`UPDATE user_sessions SET acr = 'aal2' WHERE user_id = $1`, [member.id]);
    const { body } = await service.post('/auth/refresh', { refresh_token: member.refresh });
    expect((await service.delete(`/users/mfa/${member.factor}`, body.access_token)).status).toBe(204);
    expect(await state()).toEqual({ mfa_enabled: false, mfa_reset_at: null });
  });

  it('refuses an account without a factor', async () => {
    expect(word(await reset((await service.member()).id))).toBe('404 not_found');
  });
});
