import { auditOf, eventsOf, identitiesOf, provenMember } from './support/accounts.js';
import { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { mailsTo, mailTo } from './support/mailbox.js';
import { Claims, OidcProvider, person } from './support/oidc-provider.js';

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

const signIn = (claims: Claims, provider: 'google' | 'linkedin') => new Browser(service).signIn(provider, oidc, claims);

describe('/users/identities', () => {
  it('lists the linked identities', async () => {
    const owner = await provenMember(service);
    await signIn(person({ email: owner.email }), 'linkedin');
    await signIn(person({ email: owner.email }), 'google');
    const { status, body } = await service.get('/users/identities', owner.access);
    expect(status).toBe(200);
    const created = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(body).toEqual({
      identities: [
        { provider: 'linkedin', email: owner.email, created_at: created },
        { provider: 'google', email: owner.email, created_at: created },
      ],
      has_password: true,
    });
    expect((await service.get('/users/identities')).status).toBe(401);
  });

  it('unlinks one and mirrors the next, if any', async () => {
    const owner = await provenMember(service);
    await signIn(person({ email: owner.email }), 'linkedin');
    await signIn(person({ email: owner.email }), 'google');
    expect((await service.delete('/users/identities/linkedin', owner.access)).status).toBe(204);
    expect((await service.get('/users/profile', owner.access)).body.oauth_provider).toBe('google');
    expect((await service.delete('/users/identities/google', owner.access)).status).toBe(204);
    const [row] = await service.sql('SELECT * FROM users WHERE id = $1', [owner.id]);
    expect([row!.oauth_provider, row!.oauth_id]).toEqual([null, null]);
    expect((await eventsOf(service, owner.id)).slice(-2)).toEqual([
      ['user.updated', ['oauth_provider']],
      ['user.updated', ['oauth_provider']],
    ]);
    expect((await auditOf(service, owner.id)).filter(({ action }) => action === 'identity.unlinked')).toHaveLength(2);
    await mailTo(owner.email, 'account_unlinked', 2);
    const subjects = (await mailsTo(owner.email, 'account_unlinked')).map(({ subject }) => subject).sort();
    expect(subjects).toEqual(['Google was unlinked from your account', 'LinkedIn was unlinked from your account']);
    const gone = await service.delete('/users/identities/google', owner.access);
    expect([gone.status, gone.body.error.type]).toEqual([404, 'not_found']);
  });

  it('publishes no event if the mirrored identity stays', async () => {
    const owner = await provenMember(service);
    await signIn(person({ email: owner.email }), 'linkedin');
    await signIn(person({ email: owner.email }), 'google');
    const before = await eventsOf(service, owner.id);
    expect((await service.delete('/users/identities/google', owner.access)).status).toBe(204);
    expect(await eventsOf(service, owner.id)).toEqual(before);
  });

  it('keeps the last sign-in method, also against concurrent requests', async () => {
    const claims = person();
    const { body } = await signIn(claims, 'google');
    const token = body.access_token;
    const only = await service.delete('/users/identities/google', token);
    expect([only.status, only.body.error.type]).toEqual([409, 'last_sign_in_method']);
    expect(await mailsTo(claims.email, 'account_unlinked')).toEqual([]);
    await signIn(person({ email: claims.email }), 'linkedin');
    const both = ['google', 'linkedin'].map((provider) => service.delete(`/users/identities/${provider}`, token));
    expect((await Promise.all(both)).map(({ status }) => status).sort()).toEqual([204, 409]);
    expect(await identitiesOf(service, body.user.id)).toHaveLength(1);
    const unknown = await service.delete('/users/identities/facebook', token);
    expect([unknown.status, unknown.body.error.type]).toEqual([404, 'not_found']);
  });

  it('keeps the last identity if the password is unproven', async () => {
    const owner = await provenMember(service);
    await signIn(person({ email: owner.email }), 'google');
    await service.sql('UPDATE users SET password_proven_at = NULL WHERE id = $1', [owner.id]);
    const answer = await service.delete('/users/identities/google', owner.access);
    expect([answer.status, answer.body.error.type]).toEqual([409, 'last_sign_in_method']);
  });

  it('refuses a sign-in with an identity that is being unlinked', async () => {
    const owner = await provenMember(service);
    const claims = person({ email: owner.email });
    await signIn(claims, 'google');
    const unlinking = service.database.createQueryRunner();
    await unlinking.startTransaction();
    await unlinking.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [owner.id]);
    await unlinking.query('DELETE FROM user_identities WHERE user_id = $1', [owner.id]);
    const answer = signIn({ ...claims, email_verified: false }, 'google');
    await service.blocked();
    await unlinking.commitTransaction();
    await unlinking.release();
    const { status, body } = await answer;
    expect([status, body.error.type]).toEqual([403, 'provider_email_unverified']);
  });
});

describeWith('redis', 'the cached profile', () => {
  it('follows linking and unlinking', async () => {
    const cached = await TestApp.start({ ...oidc.values, REDIS_URL: await workerRedisUrl() });
    const owner = await provenMember(cached);
    const provider = async () => (await cached.get('/users/profile', owner.access)).body.oauth_provider;
    expect(await provider()).toBeNull();
    await new Browser(cached).signIn('google', oidc, person({ email: owner.email }));
    expect(await provider()).toBe('google');
    await cached.delete('/users/identities/google', owner.access);
    expect(await provider()).toBeNull();
    await cached.stop();
  });
});
