import { createHash, createHmac, createSecretKey, hkdfSync, randomUUID, timingSafeEqual } from 'node:crypto';
import Fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Redis } from 'ioredis';
import jwt from 'jsonwebtoken';
import { Pool, QueryResultRow } from 'pg';

/*
 * The reference: the speed of the platform itself. One handler per row with the same reads and writes as the service, and
 * without validation, logs, metrics and error handling. Never deploy this.
 */
// The benchmark sets the environment.
const { PORT, DATABASE_URL, REDIS_URL, JWT_SECRET, ENCRYPTION_KEYS, POOL_SIZE } = process.env as Record<string, string>;
const key = createSecretKey(Buffer.from(JWT_SECRET!));
const encryptionKey = Buffer.from(ENCRYPTION_KEYS!.split(':')[1]!, 'base64');
const refreshKey = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'refresh-token', 32));
const pool = new Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) });
const redis = new Redis(REDIS_URL!, { enableAutoPipelining: true });
const app = Fastify({ logger: false });
const JSON_TYPE = 'application/json; charset=utf-8';

interface Claims {
  sub: string;
  sid: string;
}

interface UserRow extends QueryResultRow {
  id: string;
  email: string;
  name: string;
  role: string;
}

const claimsOf = (request: FastifyRequest) =>
  jwt.verify(request.headers.authorization!.slice(7), key, { algorithms: ['HS256'] }) as unknown as Claims;

const send = (reply: FastifyReply, json: string) => reply.header('content-type', JSON_TYPE).send(json);

const USER =
  'u.id, u.email, u.name, u.role, u.is_active, u.is_verified, u.password_hash, u.oauth_provider, u.profile_picture_url, u.bio, u.location, u.industry, u.job_title, u.company, u.linkedin_url, u.phone, u.date_of_birth, u.gender, u.last_login, u.created_at, u.updated_at';

const SELECT_LIVE = {
  name: 'live',
  text: `SELECT ${USER} FROM user_sessions s JOIN users u ON u.id = s.user_id
          WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
};

function profile({ password_hash, ...user }: UserRow) {
  return { ...user, has_password: password_hash !== null };
}

/** One MGET: session and profile. A miss fills both. */
app.get('/cached', async (request, reply) => {
  const { sub, sid } = claimsOf(request);
  const [session, cached] = await redis.mget(`bare:session:${sid}`, `bare:profile:${sub}`);
  if (session && cached) return send(reply, cached);
  const { rows } = await pool.query<UserRow>({ ...SELECT_LIVE, values: [sid, sub] });
  if (!rows[0]) return reply.status(401).send({});
  const json = JSON.stringify(profile(rows[0]));
  await redis.mset(`bare:session:${sid}`, '1', `bare:profile:${sub}`, json);
  return send(reply, json);
});

/** One joined SELECT. */
app.get('/stored', async (request, reply) => {
  const { sub, sid } = claimsOf(request);
  const { rows } = await pool.query<UserRow>({ ...SELECT_LIVE, values: [sid, sub] });
  return rows[0] ? send(reply, JSON.stringify(profile(rows[0]))) : reply.status(401).send({});
});

const ROTATE = {
  name: 'rotate',
  text: `UPDATE user_sessions s SET counter = s.counter + 1, refresh_token = $3, rotated_at = now(), last_used = now(),
                expires_at = now() + interval '30 days'
           FROM users u WHERE s.id = $1 AND s.counter = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
            AND u.id = s.user_id AND u.is_active RETURNING ${USER}`,
};

function sign(user: UserRow, sid: string): string {
  const { id, email, name, role } = user;
  return jwt.sign({ sub: id, user_id: id, email, name, role, sid, jti: randomUUID() }, key, { expiresIn: 86_400 });
}

/** One UPDATE … RETURNING and a signature. */
app.post('/refresh', async (request, reply) => {
  const { refresh_token: token } = request.body as { refresh_token: string };
  const [session, counter, given] = token.split('.') as [string, string, string];
  const expected = createHmac('sha256', refreshKey).update(`${session}.${counter}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(given, 'base64url'))) return reply.status(401).send({});
  const hex = Buffer.from(session, 'base64url').toString('hex');
  const sid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const body = `${session}.${Number(counter) + 1}`;
  const child = `${body}.${createHmac('sha256', refreshKey).update(body).digest('base64url')}`;
  const hash = createHash('sha256').update(child).digest('hex');
  const { rows } = await pool.query<UserRow>({ ...ROTATE, values: [sid, Number(counter), hash] });
  if (!rows[0]) return reply.status(401).send({});
  const access = sign(rows[0], sid);
  return send(
    reply,
    JSON.stringify({ access_token: access, token: access, refresh_token: child, user: profile(rows[0]) }),
  );
});

/** Session from Redis; BEGIN, UPDATE, outbox, audit, COMMIT; SET. */
app.put('/profile', async (request, reply) => {
  const { sub, sid } = claimsOf(request);
  const { bio } = request.body as { bio: string };
  if (!(await redis.get(`bare:session:${sid}`))) {
    const { rows } = await pool.query({ ...SELECT_LIVE, values: [sid, sub] });
    if (!rows[0]) return reply.status(401).send({});
    await redis.set(`bare:session:${sid}`, '1');
  }
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<UserRow>({
      name: 'update',
      text: `UPDATE users u SET bio = $2, updated_at = now() WHERE id = $1 RETURNING ${USER}`,
      values: [sub, bio],
    });
    await client.query({
      name: 'outbox',
      text: `INSERT INTO outbox_events (user_id, event_type, payload) VALUES ($1, 'user.updated', '{"updated_fields":["bio"]}')`,
      values: [sub],
    });
    await client.query({
      name: 'audit',
      text: `INSERT INTO audit_logs (actor_id, target_id, action, ip_address, request_id, after)
             VALUES ($1, $1, 'profile.updated', '127.0.0.1', $2, '{"updated_fields":["bio"]}')`,
      values: [sub, request.id],
    });
    await client.query('COMMIT');
    const json = JSON.stringify(profile(rows[0]!));
    await redis.set(`bare:profile:${sub}`, json, 'EX', 3600);
    return await send(reply, json);
  } finally {
    client.release();
  }
});

app.get('/healthz', () => ({ status: 'ok' }));
await app.listen({ port: Number(PORT), host: '127.0.0.1' });
process.on('SIGTERM', () => process.exit(0));
