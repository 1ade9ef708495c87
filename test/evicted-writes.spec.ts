import type { EntityManager } from 'typeorm';
import { AccountEviction } from '../src/auth/account-eviction.js';
import { PreparedStatements } from '../src/database/prepared-statements.js';
import { runInTransaction } from '../src/database/transaction.js';
import { UsersService } from '../src/users/users.service.js';
import { Answer, Member, TestApp, uniqueEmail } from './support/app.js';
import { Authenticator } from './support/authenticator.js';
import { totpCode } from './support/factors.js';
import { form, FORM, picture } from './support/images.js';
import { sessionOf, word } from './support/sessions.js';

const NEXT = 'another horse battery';

let service: TestApp;
let pixels: Buffer;
let upload: { payload: Buffer; headers: Record<string, string> };

beforeAll(async () => {
  service = await TestApp.start();
  pixels = await picture('png');
  upload = { payload: form({ filename: 'me.png', content: pixels }), headers: FORM };
});
afterAll(() => service.stopAndDrop());

interface Others {
  member: Member;
  session: string;
  /** An authenticator app that is not confirmed yet. */
  pending: { id: string; secret: string };
  /** The id of one that is stored, and a credential that can be added. */
  passkey: { id: string; credential: object };
}
type Send = (by: Member, others: Others) => Promise<Answer>;

/** A request per route that would succeed if the session stayed. The export only reads, but what the next owner wrote. */
const REQUESTS: Record<string, Send> = {
  'get /users/profile/export': (by) => service.get('/users/profile/export', by.access),
  'put /users/profile': (by) => service.put('/users/profile', { bio: 'squatted' }, by.access),
  'delete /users/profile': (by) => service.delete('/users/profile', by.access, { password: by.password }),
  'post /users/profile/avatar': (by) =>
    service.request('POST', '/users/profile/avatar', { token: by.access, ...upload }),
  'delete /users/profile/avatar': (by) => service.delete('/users/profile/avatar', by.access),
  'delete /users/identities/{provider}': (by) => service.delete('/users/identities/google', by.access),
  'put /users/preferences': (by) => service.put('/users/preferences', { age_min: 33 }, by.access),
  'delete /users/sessions': (by) => service.delete('/users/sessions', by.access),
  'delete /users/sessions/{id}': (by, { session }) => service.delete(`/users/sessions/${session}`, by.access),
  'post /auth/logout': (by) => service.post('/auth/logout', { all: true }, by.access),
  'post /auth/password/change': (by) =>
    service.post('/auth/password/change', { current_password: by.password, new_password: NEXT }, by.access),
  'post /auth/reauthenticate': (by) => service.post('/auth/reauthenticate', { password: by.password }, by.access),
  'post /users/mfa/totp': (by) => service.post('/users/mfa/totp', {}, by.access),
  'post /users/mfa/totp/{id}/confirm': (by, { pending }) =>
    service.post(`/users/mfa/totp/${pending.id}/confirm`, { code: totpCode(pending.secret) }, by.access),
  'post /users/mfa/recovery-codes': (by) => service.post('/users/mfa/recovery-codes', {}, by.access),
  'delete /users/mfa/{id}': (by, { pending }) => service.delete(`/users/mfa/${pending.id}`, by.access),
  'post /users/passkeys/options': (by) => service.post('/users/passkeys/options', {}, by.access),
  'post /users/passkeys': (by, { passkey: { credential } }) =>
    service.post('/users/passkeys', { credential }, by.access),
  'put /users/passkeys/{id}': (by, { passkey: { id } }) =>
    service.put(`/users/passkeys/${id}`, { name: 'squatted' }, by.access),
  'delete /users/passkeys/{id}': (by, { passkey: { id } }) => service.delete(`/users/passkeys/${id}`, by.access),
  'put /admin/users/{id}/status': (by, { member }) =>
    service.put(`/admin/users/${member.id}/status`, { is_active: false, reason: 'spam' }, by.access),
  'put /admin/users/{id}/role': (by, { member }) =>
    service.put(`/admin/users/${member.id}/role`, { role: 'admin' }, by.access),
  'post /admin/users/{id}/sessions/revoke': (by, { member }) =>
    service.post(`/admin/users/${member.id}/sessions/revoke`, {}, by.access),
  'post /admin/users': (by) => service.post('/admin/users', { email: uniqueEmail(), name: 'Squatted' }, by.access),
  'put /admin/users/{id}/email': (by, { member }) =>
    service.put(`/admin/users/${member.id}/email`, { email: uniqueEmail(), reason: 'moved' }, by.access),
  'delete /admin/users/{id}': (by, { member }) =>
    service.delete(`/admin/users/${member.id}`, by.access, { reason: 'spam' }),
  'post /admin/users/{id}/mfa/reset': (by, { member }) =>
    service.post(`/admin/users/${member.id}/mfa/reset`, { reason: 'lost phone' }, by.access),
  'post /admin/users/{id}/unlock': (by, { member }) =>
    service.post(`/admin/users/${member.id}/unlock`, { reason: 'asked for' }, by.access),
  'post /profile': (by) => service.post('/profile', { headline: 'squatted' }, by.access),
  'post /profile/avatar': (by) =>
    service.post('/profile/avatar', { image: `data:image/png;base64,${pixels.toString('base64')}` }, by.access),
  'put /profile': (by) => service.put('/profile', { headline: 'squatted' }, by.access),
  'put /users/{id}': (by, { member }) => service.put(`/users/${member.id}`, { name: 'squatted' }, by.access),
  'delete /users/{id}': (by, { member }) => service.delete(`/users/${member.id}`, by.access),
  'post /users/bulk': (by, { member }) =>
    service.post('/users/bulk', { ids: [member.id], action: 'delete' }, by.access),
};

/** Answers 202 to all; the worker that writes for it checks the session again. */
const WRITES_LATER = 'post /auth/email/change';

/** All that is stored of these users. */
function rowsOf(tx: EntityManager, ids: string[]): Promise<unknown> {
  return tx.query(
    `SELECT (SELECT json_agg(u ORDER BY id) FROM users u WHERE id = ANY ($1)) AS users,
            (SELECT json_agg(p ORDER BY user_id) FROM user_preferences p WHERE user_id = ANY ($1)) AS preferences,
            (SELECT json_agg(d ORDER BY user_id) FROM user_profile_details d WHERE user_id = ANY ($1)) AS details,
            (SELECT json_agg(i ORDER BY id) FROM user_identities i WHERE user_id = ANY ($1)) AS identities,
            (SELECT json_agg(f ORDER BY id) FROM mfa_factors f WHERE user_id = ANY ($1)) AS factors,
            (SELECT json_agg(w ORDER BY id) FROM webauthn_credentials w WHERE user_id = ANY ($1)) AS passkeys,
            (SELECT json_agg(s ORDER BY id) FROM user_sessions s WHERE user_id = ANY ($1)) AS sessions,
            (SELECT json_agg(o ORDER BY id) FROM outbox_events o WHERE NOT security AND user_id = ANY ($1)) AS events,
            (SELECT json_agg(a ORDER BY id) FROM audit_logs a WHERE target_id = ANY ($1)) AS audit`,
    [ids],
  );
}

it('knows every route by which a signed-in user writes', async () => {
  const { paths } = (await service.get('/docs-json')).body;
  const writes = Object.entries<any>(paths).flatMap(([path, operations]) =>
    Object.entries<any>(operations)
      .filter(([method, { security = [] }]) => method !== 'get' && security.length === 1 && 'bearer' in security[0])
      .map(([method]) => `${method} ${path}`),
  );
  const known = [...Object.keys(REQUESTS), WRITES_LATER];
  expect(['get /users/profile/export', ...writes].toSorted()).toEqual(known.toSorted());
});

describe('a request whose session ends between its check and its write', () => {
  it.each(Object.entries(REQUESTS))('%s is refused and writes nothing', async (_, send) => {
    const [by, member] = [await service.memberWithRole('admin'), await service.member()];
    // Proven, so that a role may be given and an identity removed.
    await service.sql(
      `UPDATE users SET is_verified = true, email_verified_at = now(), password_proven_at = now(),
                        profile_picture_url = 'https://pictures.example/ada.png' WHERE id = ANY ($1)`,
      [[by.id, member.id]],
    );
    await service.sql(
      `INSERT INTO user_identities (user_id, provider, provider_user_id, email) VALUES ($1::uuid, 'google', $1::uuid::text, 'a@example.com')`,
      [by.id],
    );
    const second = await service.post('/auth/login', { email: by.email, password: by.password });
    const session = sessionOf(second.body.access_token);
    const { body: started } = await service.post('/users/passkeys/options', {}, by.access);
    const [{ id }] = (await service.sql(
      `INSERT INTO webauthn_credentials (user_id, credential_id, public_key, counter, backup_eligible, backed_up, name, rp_id)
       VALUES ($1::uuid, $1::text, '', 0, false, false, 'Passkey', 'localhost') RETURNING id`,
      [by.id],
    )) as [{ id: string }];
    const passkey = { id, credential: new Authenticator().create(started.options) };
    const { body: pending } = await service.post('/users/mfa/totp', {}, by.access);

    const { asked, rows } = await runInTransaction(service.database, async (tx) => {
      const user = await service.app.get(UsersService).lock(tx, by.id);
      const late = send(by, { member, session, pending, passkey });
      await Promise.race([late, service.blocked()]);
      await service.app.get(AccountEviction).evict(tx, user, 'account_linked', {}, null);
      await service.app.get(PreparedStatements).flush(tx);
      return { asked: late, rows: await rowsOf(tx, [by.id, member.id]) };
    });
    expect(word(await asked)).toBe('401 unauthenticated');
    expect(await rowsOf(service.database.manager, [by.id, member.id])).toEqual(rows);
  });
});
