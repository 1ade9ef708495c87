import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { EntrySigner } from '../src/redis/entry-signer.js';
import { NotificationListener } from '../src/database/notification-listener.js';
import { SessionCache } from '../src/sessions/session-cache.js';
import { type Member, TestApp } from './support/app.js';
import { describeWith, workerDatabase, workerRedisUrl } from './support/environment.js';
import { queriesOf, sessionOf } from './support/sessions.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until, within } from './support/until.js';

/** Far above the time of an answer, far below that of one that waits for Redis. */
const MAX_PROMPT_MS = 1000;

const REVOKE = `UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = $1`;
const KILL_LISTENERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE '% listener'`;
const keyOf = (accessToken: string) => `session:${sessionOf(accessToken)}`;

describeWith('redis', 'the cache of live sessions', () => {
  let redis: Redis;
  let toRedis: TcpProxy;
  let toPostgres: TcpProxy;
  /** Connects to Redis through a proxy. */
  let here: TestApp;
  /** Listens to PostgreSQL through a proxy. */
  let there: TestApp;
  /** Keys of the sessions whose revocation `there` was notified of. */
  const heard = new Set<string>();

  beforeAll(async () => {
    const url = await workerRedisUrl();
    redis = new Redis(url);
    toRedis = await TcpProxy.before(url);
    toPostgres = await TcpProxy.before(await workerDatabase());
    here = await TestApp.start({ REDIS_URL: toRedis.url });
    there = await TestApp.start({ REDIS_URL: url, DATABASE_DIRECT_URL: toPostgres.url });
    there.app.get(NotificationListener).on('session_revoked', (id) => void heard.add(`session:${id}`));
  });
  afterEach(async () => {
    toRedis.restore();
    toPostgres.restore();
    await ready();
  });
  afterAll(async () => {
    await there.stop();
    await here.stopAndDrop();
    redis.disconnect();
    await toRedis.stop();
    await toPostgres.stop();
  });

  const redisAnswers = ({ app }: TestApp) => app.get(CircuitBreaker).available;
  const listens = ({ app }: TestApp) => app.get(NotificationListener).connected;
  const ready = () => until(() => redisAnswers(here) && redisAnswers(there) && listens(there));
  const statusOn = async (app: TestApp, { access }: Pick<Member, 'access'>) =>
    (await app.get('/users/profile', access)).status;

  /** A user whose session is cached in Redis. */
  async function cachedMember(): Promise<Member & { key: string }> {
    const member = await there.member();
    const key = keyOf(member.access);
    await until(async () => (await statusOn(there, member)) === 200 && (await redis.exists(key)));
    await ready();
    return { ...member, key };
  }

  const promptly = <T>(work: () => Promise<T>) => within(MAX_PROMPT_MS, work);

  describe('without faults', () => {
    it('saves the query, holds no personal data and expires after a minute', async () => {
      const member = await cachedMember();
      // A busy machine must not look like a Redis that is down.
      const patience = jest.replaceProperty(here.app.get(CircuitBreaker), 'timeoutMs', 5000);
      expect(await queriesOf(here, () => here.get('/auth/verify', member.access))).toBe(0);
      patience.restore();
      expect(await redis.get(member.key)).toMatch(new RegExp(`^[\\w-]{43} \\d{13} ${member.id} user \\d{13}$`));
      expect(await redis.ttl(member.key)).toBeGreaterThan(50);
      expect(await redis.ttl(member.key)).toBeLessThanOrEqual(60);
    });

    it.each([
      ['logout', (member: Member) => here.post('/auth/logout', undefined, member.access)],
      ['a reused refresh token', replayOld],
    ])('%s takes effect on the other instance at the next request', async (_, revoke) => {
      const member = await cachedMember();
      await revoke(member);
      expect(await statusOn(there, member)).toBe(401);
    });

    it.each([
      ['revoked', REVOKE],
      ['shortened', `UPDATE user_sessions SET expires_at = now() WHERE user_id = $1`],
      ['deactivated', `UPDATE users SET is_active = false WHERE id = $1`],
      ['erased', `DELETE FROM users WHERE id = $1`],
    ])('notices a session %s by another client of the database', async (_, statement) => {
      const member = await cachedMember();
      await here.sql(statement, [member.id]);
      for (const app of [here, there]) await until(async () => (await statusOn(app, member)) === 401, MAX_PROMPT_MS);
    });

    it('applies a new role at once', async () => {
      const member = await cachedMember();
      await here.sql(`UPDATE users SET role = 'admin' WHERE id = $1`, [member.id]);
      await until(async () => (await there.get('/auth/verify', member.access)).body.role === 'admin', MAX_PROMPT_MS);
    });

    it('expires with the session', async () => {
      const member = await there.member();
      await there.database.transaction(async (tx) => {
        // Without the trigger there is no notification, as when a session expires.
        await tx.query('SET LOCAL session_replication_role = replica');
        await tx.query(`UPDATE user_sessions SET expires_at = now() + interval '2 s' WHERE user_id = $1`, [member.id]);
      });
      await until(async () => (await statusOn(there, member)) === 200 && (await redis.exists(keyOf(member.access))));
      await until(async () => (await statusOn(there, member)) === 401);
      expect(await redis.get(keyOf(member.access))).toContain(member.id);
    });
  });

  describe('a revocation is never undone', () => {
    /** Writes an entry from before a logout after it; returns the entry in Redis and the answer of `there`. */
    async function afterLateEntry(): Promise<[string | null, number] | null> {
      const member = await there.member();
      let write = () => undefined as void;
      const cache = there.app.get(SessionCache);
      const store = cache.store.bind(cache);
      const held = new Promise<void>((resolve) => (write = resolve));
      const spy = jest.spyOn(cache, 'store').mockImplementation((session) => held.then(() => store(session)));
      // Without notifications, only the mark in Redis protects against the late write.
      const deaf = jest.spyOn(cache as never as { addRevoked(): void }, 'addRevoked').mockReturnValue();
      expect(await statusOn(there, member)).toBe(200);
      await here.post('/auth/logout', undefined, member.access);
      // On a busy machine the circuit may open for a moment, and the mark is not written.
      const marked = (await redis.get(keyOf(member.access)))?.endsWith(' revoked') ?? false;
      write();
      await spy.mock.results[0]!.value;
      spy.mockRestore();
      const found: [string | null, number] = [await redis.get(keyOf(member.access)), await statusOn(there, member)];
      deaf.mockRestore();
      return marked ? found : null;
    }

    it('by an entry that is read before it and written after it', async () => {
      expect(await until(afterLateEntry, 15_000)).toEqual([expect.stringMatching(/ revoked$/), 401]);
    });

    it('by FLUSHALL and a late entry', async () => {
      const member = await cachedMember();
      const entry = (await redis.get(member.key))!;
      await here.post('/auth/logout', undefined, member.access);
      await redis.flushdb();
      await until(() => heard.has(member.key));
      expect(await statusOn(there, member)).toBe(401);
      await redis.set(member.key, entry, 'EX', 60);
      for (const app of [here, there]) expect(await statusOn(app, member)).toBe(401);
    });

    it.each(['cut', 'freeze'] as const)('if only the revoking instance loses Redis (%s)', async (fault) => {
      const members = [await cachedMember(), await cachedMember(), await cachedMember()];
      toRedis[fault]();
      const times: number[] = [];
      for (const member of members) {
        const start = performance.now();
        expect((await here.post('/auth/logout', undefined, member.access)).status).toBe(204);
        times.push(performance.now() - start);
        expect(await redis.get(member.key)).toContain(member.id);
        expect(await promptly(() => statusOn(there, member))).toBe(401);
      }
      // The answer waits until the notification has had its time, and not much longer.
      expect(Math.min(...times)).toBeGreaterThan(20);
      expect(Math.max(...times)).toBeLessThan(MAX_PROMPT_MS);
    });

    it('by a Redis that returns with old entries, nor by an instance that started later', async () => {
      const member = await cachedMember();
      toRedis.cut();
      await here.post('/auth/logout', undefined, member.access);
      const late = await TestApp.start({ REDIS_URL: await workerRedisUrl() });
      toRedis.restore();
      await until(() => redisAnswers(here));
      expect(await redis.get(member.key)).toContain(member.id);
      for (const app of [late, here, there]) expect(await statusOn(app, member)).toBe(401);
      await late.stop();
    });

    it.each([
      ['cut', () => toPostgres.cut()],
      ['killed', () => here.sql(KILL_LISTENERS)],
    ])('while the listening connection is %s, nor after it returned', async (_, lose) => {
      const member = await cachedMember();
      await lose();
      await here.sql(REVOKE, [member.id]);
      await until(() => !listens(there));
      expect(await statusOn(there, member)).toBe(401);
      toPostgres.restore();
      await until(() => listens(there));
      expect(await redis.get(member.key)).toContain(member.id);
      expect(await statusOn(there, member)).toBe(401);
    });

    it('by an entry that a thawed connection delivers after the revocation was evicted from memory', async () => {
      const member = await cachedMember();
      const [, , owner, role, asOf] = (await redis.get(member.key))!.split(' ');
      await here.sql(`UPDATE users SET is_active = false WHERE id = $1`, [member.id]);
      await until(async () => (await statusOn(there, member)) === 401, MAX_PROMPT_MS);
      // As if the notification had arrived long ago.
      const cache = there.app.get(SessionCache) as never as { rotateRevoked(): void };
      for (const _ of [1, 2]) cache.rotateRevoked();
      there.app.get(NotificationListener).since! -= 120_000;
      const value = `${owner} ${role} ${Number(asOf) - 60_000}`;
      const entry = there.app.get(EntrySigner).sign(member.key, value, Number(asOf));
      await redis.set(member.key, entry, 'EX', 60);
      expect(await statusOn(there, member)).toBe(401);
    });

    it('in a flood of revocations', async () => {
      const member = await cachedMember();
      await here.sql(`UPDATE users SET is_active = false WHERE id = $1`, [member.id]);
      await here.sql(
        `SELECT count(pg_notify('session_revoked', gen_random_uuid()::text)) FROM generate_series(1, 50001)`,
      );
      const cache = there.app.get(SessionCache) as never as { trustedFrom: number; recentlyRevoked: Set<string> };
      await until(() => cache.trustedFrom > 0);
      expect(cache.recentlyRevoked.size).toBeLessThan(1000);
      expect(await statusOn(there, member)).toBe(401);
    });
  });

  it.each(['cut', 'freeze'] as const)('answers correctly and quickly without Redis (%s)', async (fault) => {
    const member = await cachedMember();
    toRedis[fault]();
    const { status, body } = await promptly(() => here.post('/auth/refresh', { refresh_token: member.refresh }));
    expect(status).toBe(200);
    expect(await promptly(() => statusOn(here, { access: body.access_token }))).toBe(200);
    expect((await promptly(() => here.post('/auth/logout', undefined, body.access_token))).status).toBe(204);
    expect(await promptly(() => statusOn(here, member))).toBe(401);
    const again = await promptly(() => here.post('/auth/refresh', { refresh_token: body.refresh_token }));
    expect(again.body.error.type).toBe('invalid_refresh_token');
  });

  async function replayOld({ refresh }: Member) {
    const use = (token: string) => here.post('/auth/refresh', { refresh_token: token });
    await use((await use(refresh)).body.refresh_token);
    await use(refresh);
  }
});
