import { TestApp } from './support/app.js';
import { NOT_EXPORTED, POINTERS, TABLES } from './support/personal-data.js';

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
  await service.sql(
    `INSERT INTO webauthn_credentials (user_id, credential_id, public_key, counter, backup_eligible, backed_up, name, rp_id)
     VALUES ($1, 'id', '', 0, false, false, $2, 'localhost')`,
    [id, MARKS.factor],
  );
  await service.sql('INSERT INTO former_emails (email, user_id) VALUES ($1, $2)', [MARKS.formerEmail, id]);
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
