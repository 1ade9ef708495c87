import { provenMember } from './support/accounts.js';
import { mailedToken, mailsTo, mailTo } from './support/mailbox.js';
import { Answer, TestApp, uniqueEmail } from './support/app.js';
import { until } from './support/until.js';
import { LIMITED, login, newClient, tally, times, WRONG } from './support/sign-ins.js';

const PASSWORD = 'correct horse battery';
const UNCONFIRMED = 'E-mail or password is wrong, or the address is not confirmed yet';

let open: TestApp;
/** The address must be verified before a sign-in. */
let strict: TestApp;

beforeAll(async () => {
  open = await TestApp.start(LIMITED);
  strict = await TestApp.start({ ...LIMITED, REQUIRE_EMAIL_VERIFICATION: 'true' });
});
afterAll(async () => {
  await strict.stop();
  await open.stopAndDrop();
});

const register = (app: TestApp, email: string, password = PASSWORD, remoteAddress = newClient()) =>
  app.request('POST', '/auth/register', { body: { email, name: 'Ada', password }, remoteAddress });

/** The answer without values that differ each time. */
const seen = ({ status, body, headers }: Answer) => [
  status,
  body.error?.type,
  body.message,
  Object.keys(headers).sort(),
  headers['ratelimit-limit'],
  headers['ratelimit-remaining'],
];

describe('registration and sign-in with REQUIRE_EMAIL_VERIFICATION', () => {
  it('answers the same for a new and a taken address, lockout included', async () => {
    const taken = uniqueEmail();
    await register(strict, taken, 'the password of another');
    const [fresh, known] = await Promise.all(
      [uniqueEmail(), taken].map(async (email) => {
        const from = newClient();
        const before = await login(strict, email, WRONG, from);
        const registered = await register(strict, email, PASSWORD, from);
        const after = await times(10, () => login(strict, email, PASSWORD, from));
        return [before, registered, ...after].map(seen);
      }),
    );
    expect(fresh).toEqual(known);
    expect(fresh!.map(([status]) => status)).toEqual([401, 202, ...Array(9).fill(401), 429]);
  });

  it('answers every refusal with one message, which refers to the mail', async () => {
    const unconfirmed = uniqueEmail();
    await register(strict, unconfirmed);
    const attempts = [
      [unconfirmed, PASSWORD],
      [unconfirmed, WRONG],
      [uniqueEmail(), PASSWORD],
    ] as const;
    for (const [email, password] of attempts) {
      const { status, body } = await login(strict, email, password, newClient());
      expect([status, body.error.type, body.message]).toEqual([401, 'invalid_credentials', UNCONFIRMED]);
    }
    expect((await login(open, uniqueEmail(), WRONG, newClient())).body.message).toBe('E-mail or password is wrong');
  });

  it('mails the link again after a right password, within the limit of the address', async () => {
    const email = uniqueEmail();
    await register(strict, email);
    await login(strict, email, WRONG, newClient());
    for (let count = 0; count < 8; count += 1) await login(strict, email, PASSWORD, newClient());
    await mailTo(email, 'email_verification', 6);
    const other = uniqueEmail();
    const answers = await Promise.all(
      [email, other].map((address) =>
        strict.request('POST', '/auth/email/resend', { body: { email: address }, remoteAddress: newClient() }),
      ),
    );
    expect(seen(answers[0]!)).toEqual(seen(answers[1]!));
    expect(await mailsTo(email, 'email_verification')).toHaveLength(6);
  });

  it('allows the sign-in after the verification, which resets the counts', async () => {
    const email = uniqueEmail();
    const from = newClient();
    await register(strict, email);
    expect(tally(await times(11, () => login(strict, email, PASSWORD, from)))).toEqual({ 401: 10, 429: 1 });
    await strict.post('/auth/email/verify', { token: await mailedToken(email, 'email_verification') });
    expect((await login(strict, email, PASSWORD, from)).status).toBe(200);
  });
});

describe('a request for another address', () => {
  const ask = (email: string, access: string) => open.post('/auth/email/change', { email }, access);
  const verify = (token: string, access?: string) => open.post('/auth/email/verify', { token }, access);

  it.each([
    ['taken', false],
    ['reserved for another user', true],
  ])('shows its user the same for a free address and for one that is %s', async (_, moved) => {
    const owner = await provenMember(open);
    const next = uniqueEmail();
    if (moved) {
      await ask(next, owner.access);
      await verify(await mailedToken(next, 'email_change'), owner.access);
    }
    const [free, other] = await Promise.all(
      [uniqueEmail(), owner.email].map(async (email) => {
        const { access, email: own } = await provenMember(open);
        const earlier = uniqueEmail();
        await ask(earlier, access);
        const token = await mailedToken(earlier, 'email_change');
        const { status } = await ask(email, access);
        // Later than what it announces.
        await until(async () => (await mailsTo(own, 'email_change_requested')).length === 2);
        const { entries } = (await open.get('/users/security-activity', access)).body;
        const kinds = entries.map(({ kind }: { kind: string }) => kind);
        return [status, kinds, (await verify(token)).status];
      }),
    );
    expect(other).toEqual(free);
    expect(free).toEqual([202, ['email', 'email', 'registration'], 400]);
  });
});

describe('the counts of an address', () => {
  it('survive the registration of the address', async () => {
    const email = uniqueEmail();
    const from = newClient();
    await times(4, () => login(open, email, WRONG, from));
    await register(open, email, PASSWORD, from);
    expect((await login(open, email, WRONG, from)).headers['ratelimit-remaining']).toBe('5');
  });

  it('survive a rehash when the owner signs in', async () => {
    const { email, password } = await open.member();
    const costlier = await TestApp.start({ ...LIMITED, BCRYPT_COST: '5' });
    const [attacker, owner] = [newClient(), newClient()];
    await times(6, () => login(costlier, email, WRONG, attacker));
    const hashOf = () => open.sql('SELECT password_hash FROM users WHERE email = $1', [email]);
    const before = await hashOf();
    expect((await login(costlier, email, password, owner)).status).toBe(200);
    await until(async () => JSON.stringify(await hashOf()) !== JSON.stringify(before));
    expect((await login(costlier, email, WRONG, attacker)).headers['ratelimit-remaining']).toBe('3');
    await costlier.stop();
  });

  it.each(['/auth/password/forgot', '/auth/email/resend'])(
    'of an address by others is not shown at %s, nor told by a refusal',
    async (path) => {
      const email = uniqueEmail();
      const ask = (remoteAddress: string) => open.request('POST', path, { body: { email }, remoteAddress });
      const other = newClient();
      expect(tally(await times(6, () => ask(other)))).toEqual({ 202: 5, 429: 1 });
      const fresh = await open.request('POST', path, { body: { email: uniqueEmail() }, remoteAddress: newClient() });
      expect(seen(await ask(newClient()))).toEqual(seen(fresh));
    },
  );

  it('of other clients do not appear in the headers of a refused sign-in', async () => {
    const strained = await TestApp.start({ ...LIMITED, RATE_LIMIT_LOGIN_ADDRESS: '5' });
    const email = uniqueEmail();
    await times(5, () => login(strained, email, WRONG, newClient()));
    const { status, headers } = await login(strained, email, WRONG, newClient());
    expect([status, headers['ratelimit-limit'], headers['ratelimit-remaining']]).toEqual([429, '10', '10']);
    await strained.stop();
  });
});
