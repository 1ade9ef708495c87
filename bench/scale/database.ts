import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';

type Log = (line: string) => void;

/**
 * What the databases are made with and the services run with. Fixed, so that a kept folder can be read again, and not
 * production's: there no hash may be cheap, and here a login is to be measured without its hash.
 */
export const SECRETS = {
  NODE_ENV: 'test',
  BCRYPT_COST: '4',
  JWT_SECRET: 'only for the scale benchmark, which is not reachable from outside',
  ENCRYPTION_KEYS: `scale:${Buffer.alloc(32, 'scale').toString('base64')}`,
};

export function databaseUrl(adminUrl: string, users: number): string {
  const url = new URL(adminUrl);
  url.pathname = `/scale_${users}`;
  return url.href;
}

/** What members leave behind, by user: the seed itself makes people, preferences and every third one's session. */
const HISTORY: [what: string, sql: string][] = [
  [
    'what the hourly clean-up would have removed',
    `DELETE FROM user_sessions WHERE expires_at < now() - interval '30 days' OR revoked_at < now() - interval '30 days'`,
  ],
  [
    'two more sessions of every active user',
    `INSERT INTO user_sessions (user_id, refresh_token, counter, device_info, ip_address, user_agent, created_at, last_used, expires_at)
     SELECT id, encode(sha256((id::text || device)::bytea), 'hex'), 3, '{"platform":"web","device":"Firefox"}', '192.0.2.7',
            'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', opened, opened, opened + interval '30 days'
       FROM users, generate_series(1, 2) AS device,
            LATERAL (SELECT now() - (abs(hashtext(id::text || device)) % 5000000) * interval '1 second') AS age(opened)
      WHERE is_active`,
  ],
  [
    'one published event a user, in the seven days that they are kept',
    `INSERT INTO outbox_events (user_id, event_type, payload, created_at, published_at)
     SELECT id, 'user.updated', '{"updated_fields":["bio"]}', at, at + interval '1 second'
       FROM (SELECT id, now() - row_number() OVER () * interval '7 days' / count(*) OVER () AS at FROM users) u ORDER BY at`,
  ],
  [
    'two audit entries a user, over a year',
    `INSERT INTO audit_logs (at, actor_id, target_id, action, ip_address, request_id)
     SELECT now() - (abs(hashtext(id::text || entry)) % 31000000) * interval '1 second', id, id,
            CASE entry WHEN 1 THEN 'session.opened' ELSE 'profile.updated' END, '192.0.2.7', 'scale-' || entry
       FROM users, generate_series(1, 2) AS entry`,
  ],
];

async function runSeed(url: string, users: number): Promise<void> {
  const seed = spawn(process.execPath, ['scripts/run.mjs', 'seed', '--users', String(users)], {
    env: { PATH: process.env.PATH, ENV_FILE: '', ...SECRETS, DATABASE_URL: url },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(seed, 'exit')) as [number];
  if (code !== 0) throw new Error(`the seed of ${users} users ended with ${code}`);
}

/** Makes the database of one size, or goes on where an earlier run was interrupted; nothing to do where it is complete. */
export async function prepareDatabase(adminUrl: string, users: number, log: Log): Promise<string> {
  const url = databaseUrl(adminUrl, users);
  const name = new URL(url).pathname.slice(1);
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await admin.query(`CREATE DATABASE ${name}`);
    const { migrations } = await import('../../migrations/index.js');
    const { migrateDatabase } = await import('../../src/database/migrator.js');
    const { readSettings } = await import('../../src/config/settings.js');
    // A folder of an older version of the service is brought up to date; data and steps done are kept.
    await migrateDatabase(readSettings({ ...SECRETS, DATABASE_URL: url }), migrations);
    const { rows } = await admin.query(
      `SELECT coalesce(shobj_description(oid, 'pg_database'), '0') AS steps FROM pg_database WHERE datname = $1`,
      [name],
    );
    const done = Number(rows[0].steps);
    if (done <= HISTORY.length)
      await fill(url, users, done, log, (step) => admin.query(`COMMENT ON DATABASE ${name} IS '${step}'`));
  } finally {
    await admin.end();
  }
  return url;
}

async function fill(
  url: string,
  users: number,
  done: number,
  log: Log,
  mark: (step: number) => Promise<unknown>,
): Promise<void> {
  if (done === 0) await runSeed(url, users);
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SET synchronous_commit = off');
    for (const [step, [what, sql]] of HISTORY.entries()) {
      if (step < done) continue;
      log(`${users}: ${what} …`);
      await client.query(sql);
      await mark(step + 1);
    }
    log(`${users}: vacuum and analyze …`);
    await client.query('VACUUM (ANALYZE)');
    await mark(HISTORY.length + 1);
  } finally {
    await client.end();
  }
}
