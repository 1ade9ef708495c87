import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { Settings } from '../../src/config/settings.js';
import { hashPassword } from '../../src/crypto/password-schemes.js';
import { tokenHash } from '../../src/crypto/tokens.js';
import { tokenMaker } from './tokens.js';

/** A signed-in user, created by SQL, with tokens like the service's. */
export interface BenchMember {
  id: string;
  sessionId: string;
  email: string;
  access: string;
  refresh: string;
}

export const PASSWORD = 'correct horse battery staple';

/** Inserts users with a session each; all have the same password, hashed at the configured cost. */
export async function createMembers(settings: Settings, count: number, label: string): Promise<BenchMember[]> {
  const tokensOf = await tokenMaker(settings);
  const members = Array.from({ length: count }, (_, index) => {
    const [id, sessionId] = [randomUUID(), randomUUID()];
    const email = `${label}-${index}@bench.example`;
    return { id, sessionId, email, ...tokensOf({ id, email, name: 'Bench Member', role: 'user' }, sessionId) };
  });
  const client = new Client({ connectionString: settings.database.url! });
  await client.connect();
  await client.query(
    `INSERT INTO users (id, email, name, password_hash, bio, location, company, job_title)
     SELECT id, email, 'Bench Member', $3, 'Likes to be measured', 'Bern', 'Acme', 'Engineer'
       FROM unnest($1::uuid[], $2::text[]) AS given(id, email)`,
    [
      members.map(({ id }) => id),
      members.map(({ email }) => email),
      await hashPassword(PASSWORD, { kind: settings.passwordHash, cost: settings.bcryptCost }),
    ],
  );
  await client.query('INSERT INTO user_preferences (user_id) SELECT unnest($1::uuid[])', [members.map(({ id }) => id)]);
  await client.query(
    `INSERT INTO user_sessions (id, user_id, refresh_token, expires_at)
     SELECT id, user_id, hash, now() + interval '1 day' FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS given(id, user_id, hash)`,
    [members.map((m) => m.sessionId), members.map((m) => m.id), members.map((m) => tokenHash(m.refresh))],
  );
  await client.end();
  return members;
}
