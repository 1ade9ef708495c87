import { provenMember, eventsOf } from './support/accounts.js';
import { Answer, Member, TestApp, uniqueEmail } from './support/app.js';
import { Browser } from './support/browser.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { MailSender } from '../src/mail/mail-sender.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { word } from './support/sessions.js';
import { LIMITED, login } from './support/sign-ins.js';

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

const ask = ({ access }: Member, email: string, app = service) => app.post('/auth/email/change', { email }, access);
const verify = (token: string, access?: string) => service.post('/auth/email/verify', { token }, access);
const register = (email: string) =>
  service.post('/auth/register', { email, name: 'Eve', password: 'correct horse battery' });
const rowOf = async ({ id }: Member) => (await service.sql('SELECT * FROM users WHERE id = $1', [id]))[0]!;
const auditsOf = ({ id }: Member, action: string) =>
  service.sql('SELECT actor_id, after FROM audit_logs WHERE target_id = $1 AND action = $2', [id, action]);
const mailsSettled = () => service.app.get(MailSender).idle();

/** Asks for another address; the token of its link. */
async function requested(member: Member, next = uniqueEmail()): Promise<{ next: string; token: string }> {
  expect((await ask(member, next)).status).toBe(202);
  return { next, token: await mailedToken(next, 'email_change') };
}

/** Changes the address, confirmed in the member's session. */
async function changed(member: Member): Promise<{ next: string; token: string }> {
  const link = await requested(member);
  expect(word(await verify(link.token, member.access))).toBe('204');
  return link;
}

/** Holds a lock while `work` starts something that waits for it. */
async function holding(lock: string, values: unknown[], work: (query: typeof service.sql) => Promise<unknown>) {
  const other = service.database.createQueryRunner();
  await other.startTransaction();
  try {
    await other.query(lock, values);
    await work((text, own) => other.query(text, own));
    await other.commitTransaction();
  } finally {
    await other.release();
  }
}

describe('POST /auth/email/change', () => {
  it('changes nothing before the link of the new address is used', async () => {
    const member = await provenMember(service);
    const { next } = await requested(member);
    expect((await rowOf(member)).email).toBe(member.email);
    const mail = await mailTo(next, 'email_change');
    expect(mail.subject).toBe('Confirm your new e-mail address');
    expect((await mailTo(member.email, 'email_change_requested')).text).toContain('/auth/account/not-me?token=');
    expect(await eventsOf(service, member.id)).toHaveLength(1);
    expect((await register(next)).status).toBe(201);
  });

  it('takes an old sign-in with the password only', async () => {
    const member = await provenMember(service);
    const answers = ['wrong', member.password].map((password) =>
      service.post('/auth/email/change', { email: uniqueEmail(), password }, member.access),
    );
    expect((await Promise.all(answers)).map(word)).toEqual(['401 invalid_credentials', '202']);
  });

  it('answers alike for a taken address, changes nothing and notifies its owner', async () => {
    const [member, owner] = [await provenMember(service), await provenMember(service)];
    const [taken, free] = [await ask(member, ` ${owner.email.toUpperCase()} `), await ask(member, uniqueEmail())];
    expect([taken.status, taken.text]).toEqual([free.status, free.text]);
    expect((await mailTo(owner.email, 'address_taken')).text).toContain('nothing was changed');
    expect(await mailsTo(owner.email, 'email_change')).toEqual([]);
    expect(await auditsOf(owner, 'email.change_refused')).toEqual([{ actor_id: null, after: null }]);
  });

  it('is limited by account, and by address as a resend is', async () => {
    const limited = await TestApp.start({ ...LIMITED, RATE_LIMIT_MAIL_ADDRESS: '2' });
    const [member, other] = [await limited.member(), await limited.member()];
    for (const status of [202, 202, 429]) expect((await ask(member, uniqueEmail(), limited)).status).toBe(status);
    const victim = uniqueEmail();
    const spellings = [victim, victim.toUpperCase(), victim];
    const third = await limited.member();
    const answers: Answer[] = [];
    for (const [index, spelling] of spellings.entries())
      answers.push(await ask(index === 2 ? third : other, spelling, limited));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
    await limited.stop();
  });

  it('sends nothing for a session that has ended since', async () => {
    const member = await provenMember(service);
    const next = uniqueEmail();
    await holding('SELECT FROM users WHERE id = $1 FOR UPDATE', [member.id], async (query) => {
      await ask(member, next);
      await service.blocked();
      await query(`UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1`, [
        member.id,
      ]);
    });
    await mailsSettled();
    expect(await mailsTo(next, 'email_change')).toEqual([]);
    expect(await service.sql(`SELECT FROM one_time_tokens WHERE email = $1`, [next])).toEqual([]);
  });
});

describe('the link of the new address', () => {
  it('changes address, event, security event, audit and cached profile at once, and ends outstanding links', async () => {
    const member = await provenMember(service);
    await service.post('/auth/password/forgot', { email: member.email });
    const reset = await mailedToken(member.email, 'password_reset');
    await service.get('/users/profile', member.access);
    const { next, token } = await changed(member);
    expect((await service.get('/users/profile', member.access)).body).toMatchObject({ email: next, is_verified: true });
    expect(await eventsOf(service, member.id)).toContainEqual(['user.updated', ['email']]);
    const security = await service.sql('SELECT event_type FROM outbox_events WHERE security AND user_id = $1', [
      member.id,
    ]);
    expect(security).toContainEqual({ event_type: 'identifier.changed' });
    expect(await auditsOf(member, 'email.changed')).toEqual([{ actor_id: member.id, after: null }]);
    expect((await mailTo(member.email, 'email_changed')).text).toContain('/auth/account/not-me?token=');
    const dead = await service.post('/auth/password/reset', { token: reset, password: 'another horse battery' });
    expect(word(dead)).toBe('400 invalid_or_expired_token');
    expect([(await login(service, member.email, member.password)).status, word(await verify(token))]).toEqual([
      401,
      '204',
    ]);
    expect((await login(service, next, member.password)).status).toBe(200);
    expect((await rowOf(member)).password_proven_at).not.toBeNull();
  });

  it('marks the password as unproven if the owner of the new mailbox may be another person', async () => {
    const member = await provenMember(service);
    const { next, token } = await requested(member);
    expect((await verify(token)).status).toBe(204);
    expect(await rowOf(member)).toMatchObject({ email: next, is_verified: true, password_proven_at: null });
  });

  it('dies with a reset of the password', async () => {
    const member = await provenMember(service);
    const { token } = await requested(member);
    await service.post('/auth/password/forgot', { email: member.email });
    const reset = await mailedToken(member.email, 'password_reset');
    await service.post('/auth/password/reset', { token: reset, password: 'another horse battery' });
    expect(word(await verify(token))).toBe('400 invalid_or_expired_token');
  });

  it('keeps the old address for its user for 72 hours', async () => {
    const member = await provenMember(service);
    await changed(member);
    const other = await provenMember(service);
    const signIn = () => new Browser(service).signIn('google', oidc, person({ email: member.email }));
    expect([await register(member.email), await signIn()].map(word)).toEqual(['409 email_taken', '409 email_taken']);
    expect((await ask(other, member.email)).status).toBe(202);
    await mailsSettled();
    expect(await mailsTo(member.email, 'email_change')).toEqual([]);
    expect((await requested(member, member.email)).next).toBe(member.email);
    await service.sql(`UPDATE former_emails SET changed_at = now() - interval '73 hours' WHERE user_id = $1`, [
      member.id,
    ]);
    expect((await register(member.email)).status).toBe(201);
  });

  it('answers 409 to a link whose address was registered since, and leaves the account as it was', async () => {
    const member = await provenMember(service);
    const { next, token } = await requested(member);
    await holding(
      `INSERT INTO users (email, name) VALUES ($1, 'Eve')`,
      [next],
      async () =>
        void verify(token).then(({ status, body }) => expect([status, body.error.type]).toEqual([409, 'email_taken'])),
    );
    expect(word(await verify(token))).toBe('409 email_taken');
    expect((await rowOf(member)).email).toBe(member.email);
    expect(await service.sql('SELECT FROM former_emails WHERE user_id = $1', [member.id])).toEqual([]);
  });

  it.each([
    ['a registration', (email: string) => register(email)],
    ['a sign-in by a provider', (email: string) => new Browser(service).signIn('google', oidc, person({ email }))],
  ])('refuses the old address to %s that began before the change committed', async (_, take) => {
    const member = await provenMember(service);
    const { token } = await requested(member);
    await service.post('/auth/password/forgot', { email: member.email });
    await mailedToken(member.email, 'password_reset');
    const answers: Promise<Answer>[] = [];
    // The change waits for this row after it has written the address.
    const lock = `SELECT FROM one_time_tokens WHERE user_id = $1 AND purpose = 'password_reset' FOR UPDATE`;
    await holding(lock, [member.id], async () => {
      answers.push(verify(token));
      await service.blocked();
      answers.push(take(member.email));
      await service.blocked(2);
    });
    expect((await Promise.all(answers)).map(word)).toEqual(['204', '409 email_taken']);
  });

  it('changes the address once if it is used many times at once', async () => {
    const member = await provenMember(service);
    const { token } = await requested(member);
    const answers = await Promise.all(Array.from({ length: 6 }, () => verify(token)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(204));
    expect(await auditsOf(member, 'email.changed')).toHaveLength(1);
  });

  it('gives way to the next change, of which one wins', async () => {
    const member = await provenMember(service);
    const [first, second] = [await requested(member), await requested(member)];
    expect((await Promise.all([verify(first.token), verify(second.token)])).map(word)).toEqual([
      '400 invalid_or_expired_token',
      '204',
    ]);
    expect((await rowOf(member)).email).toBe(second.next);
  });

  it('is refused if the account is erased at the same moment, which frees both addresses', async () => {
    const member = await provenMember(service);
    const earlier = await changed(member);
    const { next, token } = await requested({ ...member, email: earlier.next });
    let answer: Promise<Answer>;
    await holding('SELECT FROM users WHERE id = $1 FOR UPDATE', [member.id], async (query) => {
      answer = verify(token);
      await service.blocked();
      await query('DELETE FROM users WHERE id = $1', [member.id]);
    });
    expect(word(await answer!)).toBe('400 invalid_or_expired_token');
    for (const email of [member.email, earlier.next, next]) expect((await register(email)).status).toBe(201);
  });

  it('does not confirm another address when it is used again', async () => {
    const member = await provenMember(service);
    const { token } = await changed(member);
    await service.sql(
      'UPDATE users SET email = $2, is_verified = false, email_verified_at = NULL, password_proven_at = NULL WHERE id = $1',
      [member.id, uniqueEmail()],
    );
    expect((await verify(token)).status).toBe(204);
    expect((await rowOf(member)).is_verified).toBe(false);
  });
});
