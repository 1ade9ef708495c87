import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditOf, eventsOf, identitiesOf, member, provenMember } from './support/accounts.js';
import { TestApp } from './support/app.js';
import { Browser } from './support/browser.js';
import { form, FORM, picture } from './support/images.js';
import { linkIn, mailedToken, mailTo } from './support/mailbox.js';
import { Claims, OidcProvider, person } from './support/oidc-provider.js';

const NEXT = 'another horse battery';

let oidc: OidcProvider;
let service: TestApp;

beforeAll(async () => {
  const UPLOAD_FOLDER = mkdtempSync(path.join(tmpdir(), 'meetinity-eviction-'));
  oidc = await OidcProvider.start();
  service = await TestApp.start({ ...oidc.values, UPLOAD_FOLDER });
});
afterAll(async () => {
  await service.stopAndDrop();
  await oidc.stop();
});

const signIn = (claims: Claims, provider: 'google' | 'linkedin' = 'google') =>
  new Browser(service).signIn(provider, oidc, claims);

describe('an account whose address was never verified', () => {
  it('evicts its creator: password, sessions and tokens are revoked before the link', async () => {
    const squatter = await member(service, false);
    await service.post('/auth/password/forgot', { email: squatter.email });
    const token = await mailedToken(squatter.email, 'password_reset');
    const { body } = await signIn(person({ email: squatter.email }));
    expect(body.user).toMatchObject({ id: squatter.id, has_password: false, is_verified: true });
    const login = await service.post('/auth/login', { email: squatter.email, password: squatter.password });
    expect([login.status, login.body.error.type]).toEqual([401, 'invalid_credentials']);
    expect((await service.get('/users/profile', squatter.access)).status).toBe(401);
    expect((await service.post('/auth/refresh', { refresh_token: squatter.refresh })).status).toBe(401);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
    const reset = await service.post('/auth/password/reset', { token, password: 'another horse battery' });
    expect([reset.status, reset.body.error.type]).toEqual([400, 'invalid_or_expired_token']);
    const fields = ['has_password', 'is_verified', 'name', 'oauth_provider'];
    expect((await eventsOf(service, squatter.id)).slice(1)).toEqual([['user.updated', fields]]);
    expect(await auditOf(service, squatter.id)).toContainEqual({
      action: 'account.reclaimed',
      after: { cause: 'account_linked', sessions: 1, password_removed: true, updated_fields: fields },
    });
    expect(
      await service.sql('SELECT revoked_reason FROM user_sessions WHERE user_id = $1 ORDER BY created_at', [
        squatter.id,
      ]),
    ).toEqual([{ revoked_reason: 'account_linked' }, { revoked_reason: null }]);
  });

  it('loses the profile and picture of its creator', async () => {
    const squatter = await member(service, false);
    const payload = form({ name: 'file', filename: 'me.png', content: await picture('png') });
    const upload = { token: squatter.access, payload, headers: FORM };
    const { body: before } = await service.request('POST', '/users/profile/avatar', upload);
    const written = { bio: 'x', phone: '+14155552671', date_of_birth: '1990-05-17', gender: 'x' };
    await service.put('/users/profile', written, squatter.access);
    await service.put('/users/preferences', { age_min: 30, privacy_profile: 'private' }, squatter.access);
    const address = new URL(before.profile_picture_url).pathname;
    expect((await service.get(address)).status).toBe(200);

    const claims = person({ email: squatter.email, picture: 'https://pictures.example/grace.png' });
    const { body } = await signIn(claims, 'linkedin');
    expect(body.user).toMatchObject({ name: claims.name, profile_picture_url: claims.picture });
    for (const field of Object.keys(written)) expect([field, body.user[field]]).toEqual([field, null]);
    expect((await service.get('/users/preferences', body.access_token)).body).toMatchObject({
      age_min: 18,
      privacy_profile: 'public',
    });
    expect((await service.get(address)).status).toBe(404);
    const [, fields] = (await eventsOf(service, squatter.id)).at(-1)!;
    expect(fields).toEqual(
      `bio date_of_birth gender has_password is_verified name oauth_provider phone preferences.age_min
       preferences.privacy_profile profile_picture_url`.split(/\s+/),
    );
  });

  it('notifies its owner, with a link for a new password', async () => {
    const squatter = await member(service, false);
    await signIn(person({ email: squatter.email }));
    expect((await mailTo(squatter.email, 'account_linked')).text).toContain('We have therefore cleared its profile');
    const token = await mailedToken(squatter.email, 'account_linked');
    expect((await service.post('/auth/password/reset', { token, password: NEXT })).status).toBe(204);
    const login = await service.post('/auth/login', { email: squatter.email, password: NEXT });
    expect(login.body.user).toMatchObject({ has_password: true, oauth_provider: 'google' });
  });

  it('unlinks a provider account that was linked before', async () => {
    const squatter = await member(service, false);
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id) VALUES ($1, 'linkedin', 'squatter')`,
      [squatter.id],
    );
    await signIn(person({ email: squatter.email }));
    expect((await identitiesOf(service, squatter.id)).map(({ provider }) => provider)).toEqual(['google']);
  });

  it('revokes the session of a concurrent sign-in with the password', async () => {
    for (let round = 0; round < 5; round += 1) {
      const squatter = await member(service, false);
      const credentials = { email: squatter.email, password: squatter.password };
      const [login, linked] = await Promise.all([
        service.post('/auth/login', credentials),
        signIn(person({ email: squatter.email })),
      ]);
      expect(linked.status).toBe(200);
      const left = login.status === 200 ? await service.get('/users/profile', login.body.access_token) : login;
      expect(left.status).toBe(401);
    }
  });
});

describe('a verified account with an unproven password', () => {
  it('loses the password and all other sign-in methods, keeps the profile and notifies its owner', async () => {
    const squatter = await member(service, true);
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id) VALUES ($1, 'linkedin', 'unproven')`,
      [squatter.id],
    );
    const { body } = await signIn(person({ email: squatter.email }));
    expect(body.user).toMatchObject({ id: squatter.id, has_password: false, name: 'Ada Example' });
    expect((await identitiesOf(service, squatter.id)).map(({ provider }) => provider)).toEqual(['google']);
    expect((await eventsOf(service, squatter.id)).at(-1)).toEqual(['user.updated', ['has_password', 'oauth_provider']]);
    const mail = await mailTo(squatter.email, 'account_linked');
    expect(mail.text).toMatch(/profile was kept.*clear it/s);
    expect(linkIn(mail).pathname).toBe('/auth/password/reset');
  });

  it('loses them too if the provider account was linked before and verifies the address again', async () => {
    const owner = await provenMember(service);
    const claims = person({ email: owner.email });
    await signIn(claims);
    await service.sql('UPDATE users SET password_proven_at = NULL WHERE id = $1', [owner.id]);
    await signIn({ ...claims, email_verified: false });
    expect((await service.get('/users/profile', owner.access)).status).toBe(200);
    const { body } = await signIn(claims);
    expect(body.user).toMatchObject({ id: owner.id, has_password: false, oauth_provider: 'google' });
    expect((await service.get('/users/profile', owner.access)).status).toBe(401);
    expect((await service.get('/users/profile', body.access_token)).status).toBe(200);
    expect(await identitiesOf(service, owner.id)).toHaveLength(1);
  });
});
