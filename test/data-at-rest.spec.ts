import './support/log-file-only.js';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { FieldCipher } from '../src/crypto/field-cipher.js';
import { reencrypt } from '../src/crypto/reencryption.js';
import { encryptedColumns } from '../src/encrypted-columns.js';
import { TestApp } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { addTotp, mfaToken } from './support/factors.js';
import { mailedToken } from './support/mailbox.js';
import { until } from './support/until.js';

const PHONE = '+14155552671';
const BORN = '1990-05-17';
const PASSWORD = 'a password of this spec only';
const NEXT = 'another one of this spec only';

/** SHA-256, an HMAC, or a hash of a password: what is stored does not give the secret back. */
const HASHED: Record<string, RegExp> = {
  'users.password_hash': /^(hmac-sha384:)?\$(2[aby]|argon2|scrypt|pbkdf2)/,
  'user_sessions.refresh_token': /^[0-9a-f]{64}$/,
  'user_sessions.legacy_token': /^[0-9a-f]{64}$/,
  'one_time_tokens.token_hash': /^[0-9a-f]{64}$/,
  'one_time_tokens.used_with': /^[\w-]+$/,
  'service_credentials.token_hashes': /^\{[0-9a-f]{64}(,[0-9a-f]{64})*\}$/,
  'recovery_codes.code_mac': /^[\w-]{43,64}$/,
  'audit_leaves.actor': /^\\x[0-9a-f]{64}$/,
  'audit_leaves.target': /^\\x[0-9a-f]{64}$/,
};

/** Columns in the clear, by the reason why. */
const PLAIN: Record<string, string> = {
  'an id, a number, a moment or a word of the service': `
    *.id *.user_id *.created_at *.updated_at *.expires_at *.at *.revoked_at
    users.password_proven_at users.password_generation users.password_failures users.mfa_reset_at users.role users.is_active users.is_verified users.email_verified_at
    users.mfa_enabled users.passkey_status users.status_changed_at users.status_changed_by users.last_login users.oauth_provider
    user_identities.provider avatar_removals.name avatar_removals.due_at legacy_ids.source legacy_ids.legacy_id legacy_ids.erased_at
    one_time_tokens.purpose one_time_tokens.used_at one_time_tokens.mismatches one_time_tokens.needs_factor
    former_emails.changed_at former_emails.email_verified_at signing_keys.kid signing_keys.signs_from
    signing_keys.retires_at service_credentials.name service_credentials.scopes service_credentials.rotated_at
    audit_logs.actor_id audit_logs.target_id audit_logs.action audit_logs.request_id audit_redactions.side
    audit_leaves.leaf_index audit_leaves.entry_id audit_leaves.settled_id audit_salts.person_id
    outbox_events.event_id outbox_events.event_type outbox_events.security outbox_events.traceparent outbox_events.published_at
    outbox_events.parked_at outbox_events.last_error user_sessions.ends_at users.locale
    mfa_factors.name mfa_factors.last_step mfa_factors.failures mfa_factors.confirmed_at mfa_factors.last_used user_sessions.counter user_sessions.rotated_at
    user_sessions.previous_expires_at user_sessions.revoked_reason user_sessions.auth_time user_sessions.amr user_sessions.acr
    user_sessions.last_used mail_queue.kind mail_queue.attempts mail_queue.last_error mail_queue.next_attempt_at
    mail_queue.failed_at mail_queue.bundled migrations.timestamp migrations.name`,
  'a public key and what belongs to it': `
    webauthn_credentials.credential_id webauthn_credentials.public_key webauthn_credentials.counter webauthn_credentials.transports
    webauthn_credentials.backup_eligible webauthn_credentials.backed_up webauthn_credentials.name webauthn_credentials.rp_id
    webauthn_credentials.last_used_at`,
  'part of the card that other members see': `
    users.name users.profile_picture_url users.bio users.location users.industry users.job_title users.company users.linkedin_url
    user_profile_details.headline user_profile_details.availability user_profile_details.skills user_profile_details.event_types
    user_profile_details.experiences user_profile_details.links`,
  'searched or matched by in SQL': `
    users.email users.email_legacy former_emails.email former_emails.email_legacy one_time_tokens.email users.oauth_id users.gender user_identities.provider_user_id user_identities.email
    user_preferences.age_min user_preferences.age_max user_preferences.location_radius user_preferences.industries
    user_preferences.job_levels user_preferences.interests user_preferences.notification_email user_preferences.notification_push
    user_preferences.privacy_profile user_preferences.privacy_location`,
  'shown to the person and to administrators as it was, and deleted or redacted with the account': `
    users.status_reason user_sessions.device_info user_sessions.ip_address user_sessions.user_agent audit_logs.reason
    audit_logs.ip_address audit_logs.before audit_logs.after outbox_events.payload`,
  'random, worth nothing outside its row': 'audit_salts.salt',
  'lives for minutes; the values of secrets are hashed or carry a MAC': 'ephemeral_values.key ephemeral_values.value',
};

const plain = new Set(Object.values(PLAIN).flatMap((names) => names.trim().split(/\s+/)));
const encrypted = new Set(
  encryptedColumns.flatMap(({ table, fields }) => Object.keys(fields).map((name) => `${table}.${name}`)),
);

describe('every column', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await TestApp.start({ JWT_ALGORITHM: 'ES256' });
  });
  afterAll(() => service.stopAndDrop());

  const columns = async () =>
    (
      await service.sql<{ name: string }>(
        `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name <> 'typeorm_metadata' ORDER BY 1`,
      )
    ).map(({ name }) => name);

  it('is hashed, encrypted and moved by keys:reencrypt, or in the clear for a reason', async () => {
    const all = await columns();
    const kindsOf = (name: string) => [
      ...(Object.hasOwn(HASHED, name) ? ['hashed'] : []),
      ...(encrypted.has(name) ? ['encrypted'] : []),
      ...(plain.has(name) || plain.has(name.replace(/^\w+/, '*')) ? ['plain'] : []),
    ];
    expect(all.filter((name) => kindsOf(name).length !== 1)).toEqual([]);
    const known = [...Object.keys(HASHED), ...encrypted, ...plain].filter((name) => !name.startsWith('*'));
    expect(known.filter((name) => !all.includes(name))).toEqual([]);
  });

  it('holds what its list says', async () => {
    const member = await service.member();
    await service.put('/users/profile', { phone: PHONE, date_of_birth: BORN }, member.access);
    await service.post('/auth/password/forgot', { email: member.email });
    await service.serviceToken();
    const valuesOf = async (name: string) => {
      const [table, column] = name.split('.');
      return service.sql<{ value: string }>(
        `SELECT ${column}::text AS value FROM ${table} WHERE ${column}::text <> ''`,
      );
    };
    const filled = new Set<string>();
    const form = (name: string) => HASHED[name] ?? /^k1\.[A-Za-z0-9_-]{38,}$/;
    for (const name of [...Object.keys(HASHED), ...encrypted])
      for (const { value } of await valuesOf(name)) {
        filled.add(name);
        expect([name, value]).toEqual([name, expect.stringMatching(form(name))]);
      }
    const sure = ['users.phone', 'users.password_hash', 'user_sessions.refresh_token', 'one_time_tokens.token_hash'];
    expect([...filled]).toEqual(
      expect.arrayContaining([...sure, 'service_credentials.token_hashes', 'signing_keys.private_key']),
    );
  });

  it('that is encrypted goes to the first key', async () => {
    const keys = [{ kid: 'next', key: Buffer.alloc(32, 'next key of the spec') }, ...service.settings.encryptionKeys];
    const result = await reencrypt(service.database, new FieldCipher(keys), encryptedColumns, () => undefined);
    expect(result.unreadable).toBe(0);
    for (const name of encrypted) {
      const [table, column] = name.split('.');
      expect(await service.sql(`SELECT '${name}' AS name FROM ${table} WHERE ${column} LIKE 'k1.%'`)).toEqual([]);
    }
  });
});

describeWith('redis', 'what is stored', () => {
  let service: TestApp;
  let redis: Redis;
  let folder: string;

  beforeAll(async () => {
    const REDIS_URL = await workerRedisUrl();
    redis = new Redis(REDIS_URL);
    folder = await mkdtemp(join(tmpdir(), 'meetinity-log-'));
    const log = { LOG_LEVEL: 'trace', LOG_FILE: join(folder, 'log') };
    service = await TestApp.start({ REDIS_URL, RATE_LIMIT_ENABLED: 'true', ...log });
  });
  afterAll(async () => {
    await service.stopAndDrop();
    redis.disconnect();
    await rm(folder, { recursive: true });
  });

  /** Every row of every table, as text: what a dump holds. */
  async function dump(): Promise<string> {
    const tables = await service.sql(`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
                                       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
    const rows = await Promise.all(tables.map(({ name }) => service.sql(`SELECT t::text AS row FROM ${name} t`)));
    return rows
      .flat()
      .map(({ row }) => row)
      .join('\n');
  }

  /** Every key of Redis with its value, of any type. */
  async function redisDump(): Promise<string> {
    const texts = (await redis.keys('*')).map(async (key) => {
      const type = await redis.type(key);
      if (type === 'none') return key;
      if (type === 'string') return `${key} ${await redis.get(key)}`;
      if (type === 'hash') return `${key} ${JSON.stringify(await redis.hgetall(key))}`;
      throw new Error(`${key} is a ${type}: say here how it is read`);
    });
    return (await Promise.all(texts)).join('\n');
  }

  it('contains no phone number, birth date, password or token in plain text: database, events, Redis, log', async () => {
    const member = await service.member({ password: PASSWORD });
    const { id, email } = member;
    const verification = await mailedToken(email, 'email_verification');
    const personal = { phone: PHONE, date_of_birth: BORN };
    expect((await service.put('/users/profile', personal, member.access)).body).toMatchObject(personal);
    // What is refused is not logged either.
    expect((await service.put('/users/profile', { ...personal, phone: '14155552671' }, member.access)).status).toBe(
      400,
    );
    await until(async () => {
      await service.get('/users/profile', member.access);
      return /value\.v\d+:/.test((await redis.get(`user:profile:${id}`)) ?? '');
    });
    expect((await service.get('/users/profile/export', member.access)).text).toContain(PHONE);
    const { refresh_token } = (await service.post('/auth/refresh', { refresh_token: member.refresh })).body;
    await service.post('/auth/login', { email, password: `${PASSWORD}?` });
    await service.post('/auth/password/forgot', { email });
    const reset = await mailedToken(email, 'password_reset');
    const protectedMember = await addTotp(service, await service.member());
    await mfaToken(service, protectedMember);
    const token = await mfaToken(service, protectedMember);
    const unstored = await dump();
    expect((await service.post('/auth/password/reset', { token: reset, password: NEXT })).status).toBe(204);

    const places = { database: unstored + (await dump()), redis: await redisDump() };
    // Outside production, where mail is written to files, their links are logged: for who tries the service out.
    const lines = (await readFile(join(folder, 'log'), 'utf8')).split('\n');
    const log = lines.filter((line) => !line.includes('mail written to a file')).join('\n');
    // The scan sees what is there.
    expect(places.database).toContain(email);
    expect(places.redis).toContain(`user:profile:${id}`);
    expect(log).toContain('/users/profile');

    const secrets = [member.access, member.refresh, refresh_token, verification, reset, PASSWORD, NEXT, token];
    secrets.push(protectedMember.secret, ...protectedMember.recoveryCodes);
    const forms = ['4155552671', '415-555-2671', '415 555 2671', BORN, '19900517', '17/05/1990', '05/17/1990'];
    for (const [place, content] of Object.entries({ ...places, log }))
      for (const secret of [...secrets, ...forms])
        for (const spelling of [
          secret,
          ...['base64', 'hex'].map((code) => Buffer.from(secret).toString(code as 'hex')),
        ])
          expect([place, content.includes(spelling)]).toEqual([place, false]);
  });
});
