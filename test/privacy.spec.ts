import { TestApp } from './support/app.js';

/**
 * Every table of the schema, and what becomes of what it holds of a person: under which name the export shows it, and how an
 * erasure takes it away. A table that is not here fails the first spec; one that is here and keeps something, the others.
 */
const TABLES: Record<string, { exported: string | { not: string }; erased: 'deleted' | 'blanked' | { not: string } }> =
  {
    users: { exported: 'profile', erased: 'deleted' },
    user_preferences: { exported: 'preferences', erased: 'deleted' },
    user_profile_details: { exported: 'details', erased: 'deleted' },
    user_identities: { exported: 'identities', erased: 'deleted' },
    mfa_factors: { exported: 'factors', erased: 'deleted' },
    recovery_codes: { exported: { not: 'MACs of secrets' }, erased: 'deleted' },
    user_sessions: { exported: 'sessions', erased: 'deleted' },
    audit_logs: { exported: 'audit', erased: 'blanked' },
    audit_redactions: {
      exported: { not: 'written after the account is gone' },
      erased: { not: 'an id, until the audit of the deleted user is redacted' },
    },
    audit_leaves: {
      exported: { not: 'hashes of the audit, which is exported' },
      erased: { not: 'hashes that say nothing once the salt is deleted' },
    },
    audit_salts: { exported: { not: 'random bytes' }, erased: 'deleted' },
    avatar_removals: {
      exported: { not: 'the random name of a picture that is not shown any more' },
      erased: { not: 'a random name, until that file is gone' },
    },
    one_time_tokens: {
      exported: { not: 'hashes of links; that they were asked for stands in the audit' },
      erased: 'deleted',
    },
    outbox_events: {
      exported: { not: 'name and address of the profile, on their way to other services' },
      erased: 'blanked',
    },
    ephemeral_values: {
      exported: { not: 'lives for minutes, under keys without a person' },
      erased: { not: 'lives for minutes' },
    },
    mail_queue: {
      exported: { not: 'messages on their way to the mailbox, encrypted' },
      erased: { not: 'deleted; the notice of the erasure itself follows' },
    },
    service_credentials: { exported: { not: 'no person' }, erased: { not: 'no person' } },
    signing_keys: { exported: { not: 'no person' }, erased: { not: 'no person' } },
    legacy_ids: {
      exported: { not: 'the old id stands in the audit' },
      erased: { not: 'ids alone stay, so that no import brings the user back' },
    },
    migrations: { exported: { not: 'no person' }, erased: { not: 'no person' } },
  };

/** Columns that the export leaves out, and why. */
const NOT_EXPORTED: Record<string, string> = {
  'users.password_hash': 'a secret; has_password says that there is one',
  'users.password_generation': 'counts changes of the password',
  'users.password_failures': 'wrong passwords of others, too',
  'users.oauth_id': 'mirrors an identity, which is exported',
  'users.password_proven_at': 'the moment stands in the audit',
  'users.email_verified_at': 'is_verified; the moment stands in the audit',
  'users.status_reason': 'the reason stands in the audit',
  'users.status_changed_at': 'the moment stands in the audit',
  'users.status_changed_by': 'another person',
  'user_preferences.id': 'means nothing outside of the table',
  'user_preferences.user_id': 'the id of the profile',
  'user_profile_details.user_id': 'the id of the profile',
  'user_profile_details.updated_at': 'the moment stands in the audit',
  'user_identities.id': 'means nothing outside of the table',
  'user_identities.user_id': 'the id of the profile',
  'mfa_factors.user_id': 'the id of the profile',
  'mfa_factors.secret': 'a secret',
  'mfa_factors.last_step': 'last_used, in steps of 30 seconds',
  'mfa_factors.failures': 'wrong codes of others, too',
  'mfa_factors.confirmed_at': 'the moment stands in the audit',
  'user_sessions.user_id': 'the id of the profile',
  'user_sessions.refresh_token': 'the hash of a secret',
  'user_sessions.counter': 'how often the token was exchanged, which last_used says better',
  'user_sessions.rotated_at': 'part of the same',
  'user_sessions.legacy_token': 'part of the same',
  'user_sessions.previous_expires_at': 'when it was rotated could be told from it',
};

/** Columns that hold an id and are not the table's own key: what may point at a person. */
const POINTERS: Record<string, string> = {
  'user_preferences.user_id': 'deleted by cascade',
  'user_profile_details.user_id': 'deleted by cascade',
  'user_identities.user_id': 'deleted by cascade',
  'user_sessions.user_id': 'deleted by cascade',
  'mfa_factors.user_id': 'deleted by cascade',
  'recovery_codes.user_id': 'deleted by cascade',
  'one_time_tokens.user_id': 'deleted by cascade',
  'outbox_events.user_id': 'the id alone stays, so that consumers learn of the end',
  'outbox_events.event_id': 'no person',
  'mail_queue.user_id': 'deleted; of the notice of the erasure, for a day',
  'audit_logs.actor_id': 'the id alone stays',
  'audit_logs.target_id': 'the id alone stays',
  'legacy_ids.user_id': 'the id alone stays, with the time of the erasure',
  'audit_redactions.user_id': 'the id alone, for a while',
  'audit_salts.person_id': 'deleted with the account',
  'users.status_changed_by': 'only the id stays, of the admin who changed another user',
};

const MARKS = {
  email: 'grace.hopper@erasure.example',
  formerEmail: 'grace.hopper@erasable-once.example',
  name: 'Grace Erasable',
  address: '198.51.100.77',
  agent: 'ErasableBrowser/1.0',
  device: 'ErasablePhone',
  bio: 'ErasableBio',
  interest: 'ErasableInterest',
  headline: 'ErasableHeadline',
  link: 'https://erasable.example/link',
  subject: 'erasable-subject',
  factor: 'ErasableFactor',
  providerEmail: 'grace@erasable-provider.example',
  requestId: 'erasable-request',
  reason: 'erasable reason',
  token: 'e'.repeat(64),
};

let service: TestApp;
let id: string;
let access: string;
let other: string;

beforeAll(async () => {
  service = await TestApp.start();
  const headers = { 'user-agent': MARKS.agent, 'x-request-id': MARKS.requestId };
  const send = async (method: 'POST' | 'PUT', url: string, body: unknown) =>
    (await service.request(method, url, { body, headers, remoteAddress: MARKS.address, token: access })).body;
  const password = 'correct horse battery';
  const registered = await send('POST', '/auth/register', {
    email: MARKS.email,
    name: MARKS.name,
    password,
    device_info: { model: MARKS.device },
  });
  [id, access] = [registered.user.id, registered.access_token];
  await service.sql('UPDATE users SET email_legacy = $2 WHERE id = $1', [id, MARKS.formerEmail]);
  other = (await service.member()).id;
  await send('PUT', '/users/profile', { bio: MARKS.bio, phone: '+14155552671' });
  await send('PUT', '/users/preferences', { interests: [MARKS.interest] });
  await send('PUT', '/profile', { headline: MARKS.headline, links: [MARKS.link] });
  await service.sql(
    `INSERT INTO user_identities (user_id, provider, provider_user_id, email) VALUES ($1, 'google', $2, $3)`,
    [id, MARKS.subject, MARKS.providerEmail],
  );
  await service.sql(
    `INSERT INTO one_time_tokens (user_id, purpose, token_hash, expires_at) VALUES ($1, 'password_reset', $2, now())`,
    [id, MARKS.token],
  );
  await service.sql(
    `INSERT INTO mfa_factors (user_id, name, secret, confirmed_at) VALUES ($1, $2, 'k1.secret', now())`,
    [id, MARKS.factor],
  );
  await service.sql(`INSERT INTO recovery_codes (user_id, code_mac) VALUES ($1, 'mac')`, [id]);
  await service.sql('INSERT INTO audit_salts (person_id, salt) VALUES ($1, $2)', [id, Buffer.alloc(32)]);
  await service.sql(
    `INSERT INTO audit_logs (actor_id, target_id, action, reason, ip_address, request_id, before, after) VALUES
      ($1, $2, 'user.deactivated', $3, '203.0.113.9', 'theirs', '{"is_active": true}', $4),
      ($2, $1, 'user.deactivated', 'about another user', $5, $6, '{"is_active": true}', '{"is_active": false}')`,
    [other, id, MARKS.reason, { was: MARKS.name }, MARKS.address, MARKS.requestId],
  );
});
afterAll(() => service.stopAndDrop());

const columns = () =>
  service.sql<{ name: string; type: string }>(
    `SELECT table_name || '.' || column_name AS name, data_type AS type
       FROM information_schema.columns WHERE table_schema = 'public'`,
  );

/** The rows of a table that hold the text anywhere. */
const rowsWith = (table: string, text: string) =>
  service.sql(`SELECT row_to_json(t) AS row FROM ${table} t WHERE row_to_json(t)::text LIKE '%' || $1 || '%'`, [text]);

describe('personal data', () => {
  it('is exported and erased, or excepted with a reason, for every table and reference to a user', async () => {
    const all = await columns();
    expect(new Set(all.map(({ name }) => name.split('.')[0]))).toEqual(new Set(Object.keys(TABLES)));
    const pointers = all.filter(({ name, type }) => type === 'uuid' && !name.endsWith('.id')).map(({ name }) => name);
    expect(pointers.sort()).toEqual(Object.keys(POINTERS).sort());
  });

  it('is exported, column by column', async () => {
    const { body } = await service.get('/users/profile/export', access);
    const missing: string[] = [];
    for (const { name } of await columns()) {
      const [table, column] = name.split('.') as [string, string];
      const { exported } = TABLES[table]!;
      if (typeof exported !== 'string') continue;
      const [section] = [body[exported]].flat();
      if (!(column in section)) missing.push(name);
    }
    expect(missing.sort()).toEqual(Object.keys(NOT_EXPORTED).sort());
    const shown = Object.entries(MARKS).filter(([, mark]) => JSON.stringify(body).includes(mark));
    expect(shown.map(([name]) => name)).toEqual(Object.keys(MARKS).filter((name) => name !== 'token'));
  });

  it('is erased from every table, except ids in two', async () => {
    const held = Object.entries(TABLES).filter(([, { erased }]) => typeof erased === 'string');
    // Every table that can hold something does, or this would show nothing.
    for (const [table] of held) expect([table, (await rowsWith(table, id)).length > 0]).toEqual([table, true]);
    const [sealed] = await service.sql('SELECT phone, password_hash FROM users WHERE id = $1', [id]);
    const answer = await service.delete('/users/profile', access, { password: 'correct horse battery' });
    expect(answer.status).toBe(204);
    const left: string[] = [];
    for (const table of Object.keys(TABLES))
      for (const [name, mark] of Object.entries({ ...MARKS, ...sealed }))
        if ((await rowsWith(table, mark)).length > 0) left.push(`${table}: ${name}`);
    expect(left).toEqual([]);
    for (const [table, { erased }] of held)
      expect([table, (await rowsWith(table, id)).length > 0]).toEqual([table, erased === 'blanked']);
  });

  it('leaves audit entries with action, and with the reason for others', async () => {
    const entries = await service.sql(
      `SELECT action, actor_id, target_id, reason, host(ip_address) AS ip, request_id, before, after
         FROM audit_logs WHERE actor_id = $1 OR target_id = $1 ORDER BY id`,
      [id],
    );
    const blank = { reason: null, ip: null, request_id: null, before: null, after: null };
    const self = { actor_id: id, target_id: id, ...blank };
    expect(entries).toEqual([
      { action: 'user.registered', ...self },
      { action: 'profile.updated', ...self },
      { action: 'preferences.updated', ...self },
      { action: 'profile.updated', ...self },
      { action: 'user.deactivated', ...blank, actor_id: other, target_id: id },
      {
        action: 'user.deactivated',
        actor_id: id,
        target_id: other,
        reason: 'about another user',
        ip: null,
        request_id: null,
        before: { is_active: true },
        after: { is_active: false },
      },
      { action: 'user.deleted', ...self },
    ]);
    await expect(service.sql('UPDATE audit_logs SET reason = NULL')).rejects.toThrow('append-only');
  });
});
