import { randomInt } from 'node:crypto';
import type { Client } from 'pg';
import { personId } from '../../scripts/seed/people.js';
import { tokenHash } from '../../src/crypto/tokens.js';
import type { BenchMember } from '../lib/members.js';
import { tokenMaker } from '../lib/tokens.js';
import type { Size } from './stage.js';

const SEED = 1;

interface Drawn {
  id: string;
  email: string;
  name: string;
  role: string;
  session_id: string;
}

function randomIds(users: number, count: number): string[] {
  const indexes = new Set<number>();
  while (indexes.size < Math.min(count, users)) indexes.add(randomInt(users));
  return [...indexes].map((index) => personId(SEED, index));
}

/**
 * Users of the seed drawn at random, each with one of their sessions taken over: it gets a token that is known here. Only
 * active ones with a password and a public profile, so that every row can use them.
 */
export async function drawMembers(client: Client, { users, settings }: Size, count: number): Promise<BenchMember[]> {
  const { rows } = await client.query<Drawn>(
    `SELECT u.id, u.email, u.name, u.role, s.id AS session_id
       FROM unnest($1::uuid[]) AS drawn(id) JOIN users u USING (id) JOIN user_preferences p ON p.user_id = u.id,
            LATERAL (SELECT id FROM user_sessions WHERE user_id = u.id ORDER BY id LIMIT 1) s
      WHERE u.is_active AND u.password_hash IS NOT NULL AND p.privacy_profile = 'public' LIMIT $2`,
    [randomIds(users, 4 * count), count],
  );
  if (rows.length < count) throw new Error(`${users} users are too few for ${count} members`);
  return takeOver(client, settings, rows);
}

/** The administrator of the benchmark, created if missing. */
export async function findAdmin(client: Client, { settings }: Size): Promise<BenchMember> {
  await client.query(
    `WITH made AS (INSERT INTO users (email, name, role) VALUES ('scale-admin@bench.example', 'Scale Admin', 'admin')
       ON CONFLICT DO NOTHING RETURNING id),
     preferences AS (INSERT INTO user_preferences (user_id) SELECT id FROM made)
     INSERT INTO user_sessions (user_id, refresh_token, expires_at) SELECT id, id::text, now() FROM made`,
  );
  const { rows } = await client.query<Drawn>(
    `SELECT u.id, u.email, u.name, u.role, s.id AS session_id FROM users u JOIN user_sessions s ON s.user_id = u.id
      WHERE lower(u.email) = 'scale-admin@bench.example' LIMIT 1`,
  );
  return (await takeOver(client, settings, rows))[0]!;
}

async function takeOver(client: Client, settings: Size['settings'], drawn: Drawn[]): Promise<BenchMember[]> {
  const tokensOf = await tokenMaker(settings);
  const members = drawn.map(({ id, email, name, role, session_id: sessionId }) => {
    return { id, sessionId, email, ...tokensOf({ id, email, name, role }, sessionId) };
  });
  await client.query(
    `UPDATE user_sessions s SET refresh_token = hash, counter = 0, rotated_at = NULL, revoked_at = NULL, revoked_reason = NULL,
            last_used = now(), expires_at = now() + interval '1 day'
       FROM unnest($1::uuid[], $2::text[]) AS given(id, hash) WHERE s.id = given.id`,
    [members.map((member) => member.sessionId), members.map((member) => tokenHash(member.refresh))],
  );
  return members;
}

/** Users whose rows are read, so that PostgreSQL's buffers are as after a day of random requests. */
const WARMED_ENTRIES = 20_000;

/** Afterwards a small database is completely in memory, a large one in random parts. */
export async function warm(client: Client, { users }: Size): Promise<void> {
  await client.query('BEGIN');
  // A sequential scan would bypass the buffers.
  await client.query(
    'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off',
  );
  await client.query(
    `SELECT count(u.bio), count(e.bio), count(p.interests), count(t.user_agent)
       FROM unnest($1::uuid[]) AS drawn(id) JOIN users u USING (id) JOIN users e ON lower(e.email) = lower(u.email)
       JOIN user_preferences p ON p.user_id = u.id LEFT JOIN user_sessions s ON s.user_id = u.id
       LEFT JOIN user_sessions t ON t.id = s.id`,
    [randomIds(users, WARMED_ENTRIES)],
  );
  await client.query('COMMIT');
}
