import { auditOf, eventsOf } from './support/accounts.js';
import { MailSender } from '../src/mail/mail-sender.js';
import { TestApp } from './support/app.js';
import { mailedToken, mailsTo } from './support/mailbox.js';

const NEXT = 'another horse battery';
let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

const login = (email: string, password: string) => service.post('/auth/login', { email, password });
const verify = (token: string) => service.post('/auth/email/verify', { token });
const reset = (token: string, password = NEXT) => service.post('/auth/password/reset', { token, password });

async function requested(email: string): Promise<string> {
  await service.post('/auth/password/forgot', { email });
  return mailedToken(email, 'password_reset');
}

describe('a link that was used', () => {
  it('verifies the address once, even if used twice at once and again later', async () => {
    const { id, email } = await service.member();
    const token = await mailedToken(email, 'email_verification');
    const answers = [...(await Promise.all([verify(token), verify(token)])), await verify(token)];
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    expect((await eventsOf(service, id)).length).toBe(2);
    const audit = await service.sql('SELECT action FROM audit_logs WHERE target_id = $1 ORDER BY id', [id]);
    expect(audit.map(({ action }) => action)).toEqual(['user.registered', 'email.verified']);
    await service.sql('UPDATE one_time_tokens SET expires_at = now() WHERE user_id = $1', [id]);
    expect((await verify(token)).body.error.type).toBe('invalid_or_expired_token');
  });

  it('answers 204 to the same reset again without another change', async () => {
    const member = await service.member();
    const token = await requested(member.email);
    const answers = await Promise.all([reset(token), reset(token)]);
    expect(answers.map(({ status }) => status)).toEqual([204, 204]);
    const decomposed = await service.member();
    const accented = await requested(decomposed.email);
    for (const form of ['NFC', 'NFD'])
      expect((await reset(accented, 'Sécurité du château'.normalize(form))).status).toBe(204);
    const { body } = await login(member.email, NEXT);
    const change = { current_password: NEXT, new_password: 'a third horse battery' };
    expect((await service.post('/auth/password/change', change, body.access_token)).status).toBe(204);
    // Depends on the use of the link, not on the current password.
    expect((await reset(token)).status).toBe(204);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
    expect((await login(member.email, change.new_password)).status).toBe(200);
    expect((await auditOf(service, member.id)).filter(({ action }) => action === 'password.reset')).toHaveLength(1);
    await service.app.get(MailSender).idle();
    expect(await mailsTo(member.email, 'password_changed')).toHaveLength(2);
    await service.sql('UPDATE one_time_tokens SET expires_at = now() WHERE user_id = $1', [member.id]);
    expect((await reset(token)).status).toBe(400);
  });

  it('does not reveal the password to guesses: it is invalid after five', async () => {
    const member = await service.member();
    const token = await requested(member.email);
    expect((await reset(token)).status).toBe(204);
    const rows = () =>
      service.sql(
        `SELECT mismatches, t::text AS row FROM one_time_tokens t WHERE user_id = $1 AND purpose = 'password_reset'`,
        [member.id],
      );
    const guesses = Array.from({ length: 4 }, (_, index) => reset(token, `guessed horse ${index}`));
    expect((await Promise.all(guesses)).map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(await rows()).toEqual([{ mismatches: 4, row: expect.not.stringContaining(NEXT) }]);
    expect((await reset(token)).status).toBe(204);
    expect((await reset(token, 'weak')).body.error.type).toBe('invalid_or_expired_token');
    expect(await rows()).toEqual([]);
    expect((await reset(token)).status).toBe(400);
    expect((await login(member.email, NEXT)).status).toBe(200);
  });
});
