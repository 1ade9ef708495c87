import type { Client } from 'pg';
import sqlite from 'node-sqlite3-wasm';

/** Tables of the old Flask service, in SQL that SQLite and PostgreSQL both take. */
export const OLD_TABLES = [
  `CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(255) NOT NULL, name VARCHAR(255), photo_url VARCHAR(512),
     title VARCHAR(255), company VARCHAR(255), location VARCHAR(255), industry VARCHAR(255), linkedin_url VARCHAR(512),
     provider VARCHAR(50), provider_user_id VARCHAR(255), skills TEXT, interests TEXT, privacy_settings TEXT, is_active BOOLEAN,
     deactivated_at TIMESTAMP, pseudonymized_at TIMESTAMP, created_at TIMESTAMP, last_login TIMESTAMP)`,
  `CREATE TABLE user_preferences (id INTEGER PRIMARY KEY, user_id INTEGER, key VARCHAR(100), value TEXT)`,
  `CREATE TABLE user_social_accounts (id INTEGER PRIMARY KEY, user_id INTEGER, provider VARCHAR(50), provider_user_id VARCHAR(255))`,
  `CREATE TABLE user_verifications (id INTEGER PRIMARY KEY, user_id INTEGER, method VARCHAR(50), status VARCHAR(20), verified_at TIMESTAMP)`,
  `CREATE TABLE user_sessions (id INTEGER PRIMARY KEY, user_id INTEGER, token TEXT)`,
];

/** A column is given as SQL. */
const insertOld = (table: string, values: Record<string, string>) =>
  `INSERT INTO ${table} (${Object.keys(values).join(', ')}) VALUES (${Object.values(values).join(', ')})`;

export function writeSqlite(file: string, statements: string[]): void {
  const database = new sqlite.Database(file);
  database.exec(['BEGIN', ...statements, 'COMMIT'].join(';\n'));
  database.close();
}

/** A SQLite file with so many users, each with an identity, interests and a preference. */
export function writeCrowd(file: string, users: number): void {
  const digits = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${users})`;
  writeSqlite(file, [
    ...OLD_TABLES,
    `${digits} INSERT INTO users (id, email, name, title, provider, provider_user_id, interests, is_active, created_at)
       SELECT i, 'Old-' || i || '@Example.com', 'Old User ' || i, 'Engineer', 'google', 'g-' || i, '["AI", "Go"]', TRUE,
         '2024-01-02 03:04:05.678901' FROM n`,
    `${digits} INSERT INTO user_preferences (id, user_id, key, value) SELECT i, i, 'age_min', 18 + i % 10 FROM n`,
  ]);
}

/** @returns how many of the crowd are not in the database exactly once, with all that belongs to them */
export async function countDifferences(client: Pick<Client, 'query'>, users: number): Promise<number> {
  const counted = (table: string, column: string, where = 'TRUE') =>
    `(SELECT ${column} AS id, count(*) AS count FROM ${table} WHERE ${where} GROUP BY 1)`;
  const { rows } = await client.query<{ differences: number }>(
    `SELECT count(*)::int AS differences FROM generate_series(1, $1::int) i
       LEFT JOIN legacy_ids l ON l.source = 'meetinity' AND l.legacy_id = i::text
       FULL JOIN users u ON u.id = l.user_id LEFT JOIN user_preferences p ON p.user_id = u.id
       LEFT JOIN user_identities d ON d.user_id = u.id
       LEFT JOIN ${counted('outbox_events', 'user_id', `event_type = 'user.created'`)} e ON e.id = u.id
       LEFT JOIN ${counted('audit_logs', 'target_id', `action = 'user.imported'`)} a ON a.id = u.id
      WHERE (u.email, u.name, u.job_title, u.created_at, p.age_min, p.interests, d.provider_user_id, e.count, a.count)
        IS DISTINCT FROM ('old-' || i || '@example.com', 'Old User ' || i, 'Engineer', '2024-01-02T03:04:05.678Z'::timestamptz,
          18 + i % 10, '{AI,Go}'::text[], 'g-' || i, 1, 1)`,
    [users],
  );
  return rows[0]!.differences;
}

/** Rows of the old service with every oddity that its data have. */
export function oddRows(prefix: string): string[] {
  const text = (value: string) => `'${value}'`;
  const user = (id: number, values: Record<string, string>) =>
    insertOld('users', { id: String(id), email: text(`${prefix}${id}@Example.com`), is_active: 'TRUE', ...values });
  return [
    user(1, { name: 'NULL', created_at: text('2024-05-06 07:08:09.123456'), last_login: text('2025-01-01 00:00:00') }),
    user(2, {
      name: text('Grace'),
      title: text('Engineer'),
      company: text('Acme'),
      location: text('Bern'),
      industry: text('x'.repeat(255)),
      linkedin_url: text('http://www.linkedin.com/in/grace'),
      photo_url: text('https://pictures.example/p.jpg'),
      skills: text('["SQL"]'),
      interests: text('["AI", "ai", "Go", 5]'),
      privacy_settings: text('{"profile_visibility": "private", "show_location": false}'),
      provider: text('google'),
      provider_user_id: text(`${prefix}-same`),
    }),
    user(3, { name: text('Twin'), provider: text('google'), provider_user_id: text(`${prefix}-same`) }),
    user(4, { email: text(`anon+4@anonymized.local`), pseudonymized_at: text('2025-02-03 04:05:06') }),
    user(5, { email: text(`${prefix.toUpperCase()}2@example.com`), name: text('Same address') }),
    user(6, { email: text('no address'), name: text('Nobody') }),
    user(7, { name: text('Gone'), is_active: 'FALSE', deactivated_at: text('2025-03-04 05:06:07') }),
    user(8, {
      name: text('Odd'),
      photo_url: text('/static/me.png'),
      linkedin_url: text('https://example.com/me'),
      interests: text('AI, Go'),
      privacy_settings: text('{broken'),
      provider: text('facebook'),
      provider_user_id: text('f-8'),
    }),
    insertOld('user_preferences', { id: '1', user_id: '2', key: text('age_min'), value: text('30') }),
    insertOld('user_preferences', { id: '2', user_id: '2', key: text('discovery_radius_km'), value: text('0') }),
    insertOld('user_preferences', { id: '3', user_id: '2', key: text('email_notifications'), value: text('false') }),
    insertOld('user_social_accounts', {
      id: '1',
      user_id: '2',
      provider: text('linkedin'),
      provider_user_id: text(`${prefix}-li`),
    }),
    insertOld('user_verifications', { id: '1', user_id: '2', method: text('email'), status: text('verified') }),
    insertOld('user_sessions', { id: '1', user_id: '2', token: text('secret-session') }),
  ];
}
