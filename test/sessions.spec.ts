import { decode } from 'jsonwebtoken';
import { ExpiredRowsCleanup } from '../src/auth/expired-rows-cleanup.js';
import { EXPIRED_ROWS_LOCK_KEY } from '../src/database/advisory-locks.js';
import { runInTransaction } from '../src/database/transaction.js';
import { SessionsService } from '../src/sessions/sessions.service.js';
import { type Answer, type Member, TestApp } from './support/app.js';
import { sessionOf, word } from './support/sessions.js';
import { until } from './support/until.js';
import { refuseRows } from './support/refused-rows.js';

const FIELDS = 'created_at current device_info ends_at expires_at id ip_address last_used user_agent'.split(' ');
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
let service: TestApp;
let second: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
  second = await TestApp.start();
});
afterAll(async () => {
  await second.stop();
  await service.stopAndDrop();
});

/** Signs the member in on another device. */
async function device({ email, password }: Member, deviceInfo?: object): Promise<{ id: string; access: string }> {
  const body = { email, password, ...(deviceInfo ? { device_info: deviceInfo } : {}) };
  const answer = await service.request('POST', '/auth/login', { body, headers: { 'user-agent': 'Spec/1.0' } });
  return { id: sessionOf(answer.body.access_token), access: answer.body.access_token };
}

const idsOf = (answer: Answer) => answer.body.sessions.map(({ id }: { id: string }) => id);

async function auditOf({ id }: Member, action: string) {
  return service.sql('SELECT actor_id, after FROM audit_logs WHERE target_id = $1 AND action = $2', [id, action]);
}

describe('GET /users/sessions', () => {
  it('lists each device and marks the current one', async () => {
    const member = await service.member();
    const phone = await device(member, { model: 'Pixel 9' });
    const { status, body } = await service.get('/users/sessions', phone.access);
    expect(status).toBe(200);
    expect(body.sessions.map((item: object) => Object.keys(item).sort())).toEqual([FIELDS, FIELDS]);
    const [current, other] = ['current', 'other'].map((name) =>
      body.sessions.find((item: { current: boolean }) => item.current === (name === 'current')),
    );
    expect(current).toMatchObject({ id: phone.id, device_info: { model: 'Pixel 9' }, user_agent: 'Spec/1.0' });
    expect(current.ip_address).toBe('127.0.0.1');
    expect(other.id).toBe(sessionOf(member.access));
    expect(new Date(current.expires_at).getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  });

  it('sorts by last use and omits ended sessions', async () => {
    const member = await service.member();
    const devices = [await device(member), await device(member), await device(member), await device(member)];
    const [a, b, ended, expired] = devices.map(({ id }) => id);
    await service.sql(`UPDATE user_sessions SET last_used = now() + interval '1 hour' WHERE id = $1`, [b]);
    await service.sql(`UPDATE user_sessions SET last_used = now() + interval '1 minute' WHERE id = $1`, [a]);
    await service.post('/auth/logout', undefined, devices[2]!.access);
    await service.sql('UPDATE user_sessions SET expires_at = now() WHERE id = $1', [expired]);
    const listed = idsOf(await service.get('/users/sessions', member.access));
    expect(listed).toEqual([b, a, sessionOf(member.access)]);
    expect(listed).not.toContain(ended);
  });

  it('records the last use at most once a minute', async () => {
    const member = await service.member();
    const lastUsed = async () =>
      (await service.sql('SELECT last_used FROM user_sessions WHERE user_id = $1', [member.id]))[0]!.last_used;
    const first = await lastUsed();
    await service.get('/users/profile', member.access);
    expect(await lastUsed()).toEqual(first);
    await service.sql(`UPDATE user_sessions SET last_used = now() - interval '61 seconds' WHERE user_id = $1`, [
      member.id,
    ]);
    await service.get('/users/profile', member.access);
    await until(async () => (await lastUsed()) >= first);
  });
});

describe('DELETE /users/sessions', () => {
  it('signs one device out at once on every instance, with an audit entry', async () => {
    const member = await service.member();
    const phone = await device(member);
    expect((await service.delete(`/users/sessions/${phone.id}`, member.access)).status).toBe(204);
    for (const app of [service, second]) expect((await app.get('/users/profile', phone.access)).status).toBe(401);
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
    expect(await auditOf(member, 'session.revoked')).toEqual([
      { actor_id: member.id, after: { session_id: phone.id } },
    ]);
    expect(word(await service.delete(`/users/sessions/${phone.id}`, member.access))).toBe('404 not_found');
  });

  it('answers 404 for sessions of others and unknown ones, and 400 for an invalid id', async () => {
    const [member, stranger] = [await service.member(), await service.member()];
    const foreign = await service.delete(`/users/sessions/${sessionOf(stranger.access)}`, member.access);
    expect(word(foreign)).toBe('404 not_found');
    expect((await service.get('/users/profile', stranger.access)).status).toBe(200);
    expect(word(await service.delete(`/users/sessions/${UNKNOWN}`, member.access))).toBe('404 not_found');
    expect(word(await service.delete('/users/sessions/mine', member.access))).toBe('400 validation_failed');
    expect(await auditOf(member, 'session.revoked')).toEqual([]);
  });

  it('signs every other device out', async () => {
    const member = await service.member();
    const others = [await device(member), await device(member)];
    expect((await second.delete('/users/sessions', member.access)).status).toBe(204);
    for (const { access } of others) expect((await service.get('/users/profile', access)).status).toBe(401);
    expect(idsOf(await service.get('/users/sessions', member.access))).toEqual([sessionOf(member.access)]);
    const [entry] = await auditOf(member, 'session.revoked_others');
    expect(entry!.after.session_ids.sort()).toEqual(others.map(({ id }) => id).sort());
  });
});

describe('/auth/verify', () => {
  it('answers the same for the token of the header and of the body', async () => {
    const { id, access } = await service.member();
    const { sid, exp } = decode(access) as { sid: string; exp: number };
    const expected = { valid: true, sub: id, exp, sid, role: 'user' };
    const answers = [await service.get('/auth/verify', access), await service.post('/auth/verify', { token: access })];
    for (const { status, body } of answers) expect([status, body]).toEqual([200, expected]);
  });

  it('returns the current role', async () => {
    const { id, access } = await service.member();
    await service.sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
    expect((await service.post('/auth/verify', { token: access })).body.role).toBe('admin');
  });

  it.each([
    ['an ended session', 'POST /auth/logout'],
    ['a deactivated user', `UPDATE users SET is_active = false WHERE id = $1`],
    ['an expired session', `UPDATE user_sessions SET expires_at = now() WHERE user_id = $1`],
    ['a deleted user', `DELETE FROM users WHERE id = $1`],
  ])('refuses the token of %s', async (_, change) => {
    const { id, access } = await service.member();
    if (change.startsWith('POST')) await service.post('/auth/logout', undefined, access);
    else await service.sql(change, [id]);
    expect(word(await second.get('/auth/verify', access))).toBe('401 unauthenticated');
    expect(word(await second.post('/auth/verify', { token: access }))).toBe('401 unauthenticated');
  });

  it('refuses a refresh token and a malformed one', async () => {
    const { refresh } = await service.member();
    for (const token of [refresh, 'nonsense', ''])
      expect(word(await service.post('/auth/verify', { token }))).toBe('401 unauthenticated');
    expect(word(await service.post('/auth/verify', {}))).toBe('400 validation_failed');
    expect(word(await service.get('/auth/verify'))).toBe('401 unauthenticated');
  });
});

describe('the limit of 20 sessions', () => {
  it('holds for concurrent sign-ins', async () => {
    const member = await service.member();
    const sessions = service.app.get(SessionsService);
    const context = {
      requestId: 'spec',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      ipAddress: '192.0.2.1',
      behindProxy: false,
      userAgent: null,
      acceptLanguage: null,
    };
    const open = () => runInTransaction(service.database, (tx) => sessions.issue(tx, member.id, context, null));
    for (let count = 0; count < 19; count += 1) await open();
    await Promise.all(Array.from({ length: 10 }, open));
    const live = 'SELECT count(*)::int FROM user_sessions WHERE user_id = $1 AND revoked_at IS NULL';
    expect(await service.sql(live, [member.id])).toEqual([{ count: 20 }]);
    const ended = await service.sql(
      'SELECT DISTINCT revoked_reason FROM user_sessions WHERE user_id = $1 AND revoked_at IS NOT NULL',
      [member.id],
    );
    expect(ended).toEqual([{ revoked_reason: 'too_many_sessions' }]);
  });
});

describe('the clean-up', () => {
  it('deletes sessions that ended a month ago, in batches, by one instance at a time', async () => {
    const member = await service.member();
    await service.sql('DELETE FROM user_sessions WHERE user_id <> $1', [member.id]);
    await service.sql(
      `INSERT INTO user_sessions (user_id, refresh_token, expires_at, revoked_at, revoked_reason)
       SELECT $1::uuid, 'expired' || n, now() - interval '31 days', NULL::timestamptz, NULL FROM generate_series(1, 1500) n
       UNION ALL SELECT $1::uuid, 'revoked', now() + interval '1 day', now() - interval '31 days', 'logout'
       UNION ALL SELECT $1::uuid, 'recent', now() + interval '1 day', now() - interval '29 days', 'logout'`,
      [member.id],
    );
    await service.sql(
      `INSERT INTO one_time_tokens (user_id, purpose, token_hash, expires_at)
       VALUES ($1, 'password_reset', 'old', now() - interval '2 days'), ($1, 'password_reset', 'new', now())`,
      [member.id],
    );
    await service.sql(
      `INSERT INTO ephemeral_values (key, value, expires_at)
       VALUES ('oauth:state:old', 'x', now() - interval '1 second'), ('oauth:state:new', 'x', now() + interval '1 minute')`,
    );
    const job = service.app.get(ExpiredRowsCleanup);
    await second.database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [EXPIRED_ROWS_LOCK_KEY]);
      expect(await job.deleteAll()).toBe(0);
    });
    expect(await job.deleteAll()).toBe(1503);
    const left = await service.sql(
      `SELECT refresh_token AS name FROM user_sessions WHERE length(refresh_token) < 64
       UNION ALL SELECT token_hash FROM one_time_tokens WHERE length(token_hash) < 64
       UNION ALL SELECT key FROM ephemeral_values`,
    );
    expect(left).toEqual([{ name: 'recent' }, { name: 'new' }, { name: 'oauth:state:new' }]);
    expect((await service.get('/users/profile', member.access)).status).toBe(200);
  });

  it('continues with the other tables when one fails', async () => {
    const { id } = await service.member();
    await service.sql(
      `INSERT INTO user_sessions (user_id, refresh_token, expires_at) VALUES ($1, 'kept', now() - interval '31 days')`,
      [id],
    );
    await service.sql(`INSERT INTO ephemeral_values (key, value, expires_at) VALUES ('oauth:state:old', 'x', now())`);
    const allow = await refuseRows(service, 'DELETE ON user_sessions');
    await expect(service.app.get(ExpiredRowsCleanup).deleteAll()).rejects.toThrow('no');
    await allow();
    expect(await service.sql(`SELECT 1 FROM ephemeral_values WHERE expires_at < now()`)).toEqual([]);
    expect(await service.app.get(ExpiredRowsCleanup).deleteAll()).toBe(1);
  });

  it('deletes each row once if two instances run it at the same time', async () => {
    const { id } = await service.member();
    const insert = `INSERT INTO user_sessions (user_id, refresh_token, expires_at)
      SELECT $1, 'both' || n, now() - interval '31 days' FROM generate_series(1, 3500) n`;
    await service.sql(insert, [id]);
    const jobs = [service, second].map(({ app }) => app.get(ExpiredRowsCleanup));
    const deleted = await Promise.all(jobs.map((job) => job.deleteAll()));
    // If the instances alternated, the next run deletes the rest.
    deleted.push(await jobs[0]!.deleteAll());
    expect(deleted.reduce((sum, rows) => sum + rows)).toBe(3500);
    expect(await service.sql(`SELECT 1 FROM user_sessions WHERE expires_at < now()`)).toEqual([]);
  });
});
