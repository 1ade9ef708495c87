import { auditOf, eventsOf, identitiesOf, member, provenMember } from './support/accounts.js';
import { TestApp, uniqueEmail } from './support/app.js';
import { Browser } from './support/browser.js';
import { mailsTo, mailTo } from './support/mailbox.js';
import { Claims, OidcProvider, person } from './support/oidc-provider.js';

let oidc: OidcProvider;
let service: TestApp;

beforeAll(async () => {
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, OAUTH_REDIRECT_ALLOWLIST: 'https://app.example/' });
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

const signIn = (claims: Claims, provider: 'google' | 'linkedin' = 'google') =>
  new Browser(service).signIn(provider, oidc, claims);

const usersWith = (email: string) => service.sql('SELECT * FROM users WHERE email = $1', [email]);

describe('a new person', () => {
  it('gets an account with identity, preferences, event, audit entry and time of sign-in', async () => {
    const claims = person({ email: ` Grace.${Date.now()}@Example.COM ` });
    const { body } = await signIn(claims);
    const email = claims.email.trim().toLowerCase();
    const [user] = await usersWith(email);
    expect(user).toMatchObject({ oauth_provider: 'google', oauth_id: claims.sub, password_hash: null, role: 'user' });
    expect(user!.email_verified_at).not.toBeNull();
    expect(Date.now() - user!.last_login.getTime()).toBeLessThan(5000);
    expect(body.user.last_login).toBe(user!.last_login.toISOString());
    expect(await identitiesOf(service, user!.id)).toEqual([{ provider: 'google', email }]);
    expect(await eventsOf(service, user!.id)).toEqual([['user.created', email]]);
    expect(await auditOf(service, user!.id)).toEqual([
      { action: 'user.registered', after: { provider: 'google' } },
      { action: 'session.opened', after: { provider: 'google' } },
    ]);
    expect(await service.sql('SELECT age_min FROM user_preferences WHERE user_id = $1', [user!.id])).toHaveLength(1);
    expect(await mailsTo(email, 'account_linked')).toEqual([]);
  });

  it('is recognized by the id at the provider, even if the address has changed', async () => {
    const claims = person();
    const first = await signIn(claims);
    await service.sql(`UPDATE users SET last_login = '2020-01-01' WHERE id = $1`, [first.body.user.id]);
    const second = await signIn({ ...claims, email: uniqueEmail(), email_verified: false });
    expect(second.body.user).toMatchObject({ id: first.body.user.id, email: claims.email });
    expect(second.body.user.last_login > '2026').toBe(true);
    expect(await eventsOf(service, first.body.user.id)).toHaveLength(1);
  });

  it('is another one at another provider, with the same id there', async () => {
    const claims = person();
    const first = await signIn(claims);
    const second = await new Browser(service).signIn('linkedin', oidc, { ...claims, email: uniqueEmail() });
    expect([second.status, second.body.user.id === first.body.user.id]).toEqual([200, false]);
  });

  it.each<[string, Claims, string]>([
    ['given and family name', { name: undefined, given_name: 'Grace', family_name: 'Hopper' }, 'Grace Hopper'],
    ['a family name alone', { name: '  ', family_name: 'Hopper' }, 'Hopper'],
    ['the address', { name: 7, email: 'nameless@example.com' }, 'nameless'],
    ['what 255 characters hold', { name: '😀'.repeat(300) }, '😀'.repeat(255)],
    ['no control characters', { name: 'Gr\u0000ace\n' }, 'Grace'],
    ['no override of direction', { name: 'Grace\u202e Hopper\u2028(RADM)' }, 'Grace Hopper (RADM)'],
    ['one normal form', { name: 'Rene\u0301e' }, 'Renée'],
    ['what can be seen', { name: '\u2800\u3164', given_name: '\u200b', family_name: 'Hopper' }, 'Hopper'],
    ['whole emoji', { name: `${'x'.repeat(253)}👨‍👩‍👧` }, 'x'.repeat(253)],
    ['no half of a surrogate pair', { name: 'Grace\ud800' }, 'Grace'],
  ])('is named by %s', async (_, claims, name) => {
    const { status, body } = await signIn(person(claims));
    expect([status, body.user.name]).toEqual([200, name]);
  });

  it.each<[string, unknown]>([
    ['an http address', 'http://pictures.example/a.png'],
    ['a script', 'javascript:alert(1)'],
    ['an address with credentials', 'https://user:secret@pictures.example/a.png'],
    ['an endless address', `https://pictures.example/${'a'.repeat(2048)}`],
    ['no text', { url: 'https://pictures.example/a.png' }],
  ])('has no picture if the provider sends %s', async (_, picture) => {
    const { status, body } = await signIn(person({ picture }));
    expect([status, body.user.profile_picture_url]).toEqual([200, null]);
  });

  it.each<[string, Claims]>([
    ['unverified', { email_verified: false }],
    ['of unknown standing', { email_verified: undefined }],
    ['not quite verified', { email_verified: 'yes' }],
    ['missing', { email: undefined }],
    ['no address', { email: 'no-at-sign' }],
    ['with a part that is not ASCII', { email: 'rené@example.com' }],
    ['with a soft hyphen', { email: 'grace@exam\u00adple.com' }],
    ['without a domain', { email: 'grace@localhost' }],
    ['only like one in letters of another width', { email: 'ｇrace@example.com' }],
    ['too long', { email: `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(63)}.example` }],
  ])('is refused with an address that is %s, and leaves no row', async (_, claims) => {
    const known = person(claims);
    const { status, body } = await signIn(known);
    expect([status, body.error.type]).toEqual([403, 'provider_email_unverified']);
    const rows = await service.sql('SELECT 1 FROM user_identities WHERE provider_user_id = $1', [known.sub]);
    expect([rows, await usersWith(known.email ?? '')]).toEqual([[], []]);
  });

  it('cannot claim an account by an unverified address', async () => {
    const owner = await member(service, true);
    const { body } = await signIn(person({ email: owner.email, email_verified: false }));
    expect(body.error.type).toBe('provider_email_unverified');
    expect(await identitiesOf(service, owner.id)).toEqual([]);
  });

  it.each(['google', 'linkedin'] as const)('becomes one user after ten callbacks of %s at once', async (provider) => {
    const claims = person();
    const answers = await Promise.all(Array.from({ length: 10 }, () => signIn(claims, provider)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const users = await usersWith(claims.email);
    expect(users).toHaveLength(1);
    expect(await identitiesOf(service, users[0]!.id)).toHaveLength(1);
    expect(await eventsOf(service, users[0]!.id)).toHaveLength(1);
  });

  it('becomes one user after concurrent callbacks of both providers and a registration', async () => {
    for (let round = 0; round < 5; round += 1) {
      const email = uniqueEmail();
      const [google, linkedin, registration] = await Promise.all([
        signIn(person({ email }), 'google'),
        signIn(person({ email }), 'linkedin'),
        service.post('/auth/register', { email, name: 'Ada', password: 'correct horse battery' }),
      ]);
      const users = await usersWith(email);
      expect(users).toHaveLength(1);
      expect([google.status, linkedin.status]).toEqual([200, 200]);
      expect([201, 409]).toContain(registration.status);
      expect(await identitiesOf(service, users[0]!.id)).toHaveLength(2);
      expect(users[0]).toMatchObject({ is_verified: true, password_hash: null });
    }
  });
});

describe('an account with a verified address and a proven password', () => {
  it('is linked, keeps its password and sessions, and notifies its owner', async () => {
    const owner = await provenMember(service);
    const { body } = await signIn(person({ email: owner.email.toUpperCase(), name: 'Other' }));
    expect(body.user).toMatchObject({
      id: owner.id,
      has_password: true,
      oauth_provider: 'google',
      name: 'Ada Example',
    });
    expect((await service.get('/users/profile', owner.access)).status).toBe(200);
    const login = await service.post('/auth/login', { email: owner.email, password: owner.password });
    expect(login.status).toBe(200);
    expect(await eventsOf(service, owner.id)).toContainEqual(['user.updated', ['oauth_provider']]);
    expect(await auditOf(service, owner.id)).toContainEqual({
      action: 'identity.linked',
      after: { provider: 'google', verified_before: true, updated_fields: ['oauth_provider'] },
    });
    const { text } = await mailTo(owner.email, 'account_linked');
    expect(text).toContain('Google');
    expect(text).not.toMatch(/reset|profile was/);
  });

  it('keeps the first identity as the mirrored one', async () => {
    const claims = person();
    const first = await signIn(claims, 'linkedin');
    const second = await signIn(person({ email: claims.email }), 'google');
    expect(second.body.user).toMatchObject({ id: first.body.user.id, oauth_provider: 'linkedin' });
    expect((await identitiesOf(service, first.body.user.id)).map(({ provider }) => provider)).toEqual([
      'linkedin',
      'google',
    ]);
    expect(await eventsOf(service, first.body.user.id)).toHaveLength(1);
  });
});

describe('a disabled account', () => {
  it('refuses the sign-in by the provider account and by the address', async () => {
    const claims = person();
    const { body } = await signIn(claims);
    await service.sql('UPDATE users SET is_active = false WHERE id = $1', [body.user.id]);
    const answers = [await signIn(claims), await signIn(person({ email: claims.email }), 'linkedin')];
    for (const answer of answers) expect([answer.status, answer.body.error.type]).toEqual([403, 'account_disabled']);
    expect(await identitiesOf(service, body.user.id)).toHaveLength(1);
  });

  it.each([
    ['disabled', 'UPDATE users SET is_active = false WHERE id = $1', 403, 'account_disabled'],
    ['erased', 'DELETE FROM users WHERE id = $1', 400, 'invalid_code'],
    ['unlinked', 'DELETE FROM user_identities WHERE user_id = $1', 400, 'invalid_code'],
  ])('gets no tokens for a code if %s since the callback', async (_, statement, status, type) => {
    const claims = person();
    const { headers } = await new Browser(service).signIn('google', oidc, claims, 'https://app.example/');
    const [{ id }] = (await usersWith(claims.email)) as [{ id: string }];
    await service.sql(statement, [id]);
    const code = new URL(String(headers.location)).searchParams.get('code');
    const answer = await service.post('/auth/oauth/exchange', { code });
    expect([answer.status, answer.body.error.type]).toEqual([status, type]);
    expect(await service.sql('SELECT 1 FROM user_sessions WHERE user_id = $1', [id])).toEqual([]);
  });
});
