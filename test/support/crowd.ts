import { Client } from 'pg';

/** Enough for the planner to use every index, and for estimated counts. */
export const CROWD_ROWS = 20_500;

const USERS = `generate_series(1, ${CROWD_ROWS}) AS n`;
const id = (what: string) => `md5('${what}' || n)::uuid`;

const FILL = [
  `INSERT INTO users (id, email, name, company, is_active, last_login, created_at)
   SELECT ${id('user')}, 'crowd' || n || '@example.com', 'Given' || n % 977 || ' Family' || n % 1013,
          CASE WHEN n % 2 = 0 THEN 'Northwind' END, n % 20 > 0, now() - n * interval '10 minutes', now() - n * interval '20 minutes'
     FROM ${USERS}`,
  `INSERT INTO user_preferences (user_id) SELECT ${id('user')} FROM ${USERS}`,
  `INSERT INTO user_profile_details (user_id) SELECT ${id('user')} FROM ${USERS}`,
  `INSERT INTO legacy_ids (source, legacy_id, user_id) SELECT 'crowd', n::text, ${id('user')} FROM ${USERS}`,
  `INSERT INTO audit_salts (person_id, salt) SELECT ${id('user')}, sha256(n::text::bytea) FROM ${USERS}`,
  `INSERT INTO mfa_factors (user_id, name, secret) SELECT ${id('user')}, 'crowd', '' FROM ${USERS}`,
  `INSERT INTO webauthn_credentials (user_id, credential_id, public_key, counter, backup_eligible, backed_up, name, rp_id)
   SELECT ${id('user')}, md5(n::text), '', 0, false, false, 'crowd', 'localhost' FROM ${USERS}`,
  `INSERT INTO recovery_codes (user_id, code_mac) SELECT ${id('user')}, md5(n::text) FROM ${USERS}`,
  `INSERT INTO user_identities (user_id, provider, provider_user_id, email)
   SELECT ${id('user')}, 'google', 'crowd-' || n, 'crowd' || n || '@example.com' FROM ${USERS}`,
  `INSERT INTO user_sessions (user_id, refresh_token, expires_at, revoked_at, revoked_reason)
   SELECT ${id('user')}, md5(n::text), now() + (n % 60 - 28) * interval '1 day', CASE WHEN n % 10 = 0 THEN now() - n % 29 * interval '1 day' END,
          CASE WHEN n % 10 = 0 THEN 'logout' END FROM ${USERS}`,
  `INSERT INTO one_time_tokens (user_id, purpose, token_hash, expires_at)
   SELECT ${id('user')}, 'password_reset', md5(n::text), now() + n % 24 * interval '1 hour' FROM ${USERS}`,
  `INSERT INTO former_emails (email, user_id, changed_at)
   SELECT 'former' || n || '@example.com', ${id('user')}, now() - n % 90 * interval '1 hour' FROM ${USERS}`,
  `INSERT INTO ephemeral_values (key, value, expires_at)
   SELECT 'crowd:' || n, '', now() + n % 60 * interval '1 minute' FROM ${USERS}`,
  `INSERT INTO outbox_events (user_id, event_type, created_at, published_at)
   SELECT ${id('user')}, CASE n % 3 WHEN 0 THEN 'user.created' ELSE 'user.updated' END, at, at
     FROM ${USERS}, LATERAL (SELECT now() - (${CROWD_ROWS} - n) * interval '30 seconds') AS time(at)`,
  `INSERT INTO audit_logs (at, actor_id, target_id, action)
   SELECT now() - n * interval '1 minute', ${id('user')}, ${id('user')}, 'spec.action' || n % 20 FROM ${USERS}`,
];

/** Fills and vacuums every table that grows with users, sessions or events. */
export async function fillWithCrowd(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  // Without foreign key checks, which would take longer than the inserts.
  await client.query('SET session_replication_role = replica');
  for (const sql of FILL) await client.query(sql);
  await client.query('VACUUM (ANALYZE)');
  await client.end();
}
