import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { CircuitBreaker } from '../../src/redis/circuit-breaker.js';
import { Member, TestApp } from '../support/app.js';
import { describeWith, workerDatabase, workerRedisUrl } from '../support/environment.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { quickest, until } from '../support/until.js';

/** Milliseconds that the promised 50 may look like on a busy machine. */
const NOTICEABLE_MS = 150;

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, performance.now() - started];
}

describeWith('redis', 'without Redis', () => {
  let proxy: TcpProxy;
  let service: TestApp;
  let member: Member;

  /** A call of every kind of route that has something in Redis. */
  const tour = async () => {
    const { email, password, access } = member;
    const statuses = [
      await service.get('/users/profile', access),
      await service.put('/users/profile', { bio: `${performance.now()}` }, access),
      await service.get('/users/preferences', access),
      await service.put('/users/preferences', { age_min: 18 + (Math.round(performance.now()) % 40) }, access),
      await service.post('/auth/login', { email, password }),
      await service.post('/auth/password/forgot', { email: 'unknown@example.com' }),
      await service.get('/users/sessions', access),
    ].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 202, 200]);
  };

  beforeAll(async () => {
    proxy = await TcpProxy.before(await workerRedisUrl());
    service = await TestApp.start({ REDIS_URL: proxy.url });
    member = await service.member();
    await tour();
  });
  const recovered = async () => {
    proxy.delay = 0;
    proxy.restore();
    await until(async () => (await service.get('/health')).body.dependencies.redis === 'up');
  };
  afterEach(recovered);
  afterAll(async () => {
    await service.stopAndDrop();
    await proxy.stop();
  });

  it('the metrics tell a slow one, which is not used, from one that is down', async () => {
    const gauges = async () => {
      const { text } = await service.get('/metrics');
      return /_dependency_up\{dependency="redis"\} (\d)[^]*_redis_circuit_open (\d)/.exec(text)!.slice(1).join();
    };
    await recovered();
    await until(async () => (await gauges()) === '1,0');
    proxy.delay = 30;
    await tour();
    // Longer than a probe's result is kept.
    await sleep(2500);
    expect(await gauges()).toBe('1,1');
    proxy.cut();
    await until(async () => (await gauges()) === '0,1');
  });

  it.each([
    ['is cut off', () => proxy.cut()],
    ['hangs', () => proxy.freeze()],
    ['is slow', () => (proxy.delay = 200)],
    // Answers in 30 and in 15 ms, which is in time for each command but not for all that a request sends.
    ['is a little slow', () => (proxy.delay = 15)],
    ['is hardly slow', () => (proxy.delay = 7.5)],
  ])('everything works while it %s, and goes back to it afterwards', async (_, fault) => {
    const cost = await quickest(NOTICEABLE_MS, async () => {
      await recovered();
      const [, usual] = await timed(tour);
      fault();
      const [, first] = await timed(tour);
      const [, then] = await timed(tour);
      return Math.max(first, then) - usual * 2;
    });
    expect(cost).toBeLessThan(NOTICEABLE_MS);
    await until(async () => (await service.get('/health')).body.status === 'degraded');
    proxy.delay = 0;
    proxy.restore();
    const hits = async () =>
      Number(/cache="profile",result="hit"\} (\d+)/.exec((await service.get('/metrics')).text)?.[1] ?? 0);
    const before = await hits();
    const isBack = async () => (await service.get('/users/profile', member.access)) && (await hits()) > before;
    await until(isBack);
  });

  it('one request that finds it hanging waits once, and the next not at all', async () => {
    const times: number[] = [];
    const waited = await quickest(50 + NOTICEABLE_MS, async () => {
      await recovered();
      proxy.freeze();
      const [{ status }, milliseconds] = await timed(() => service.get('/users/profile', member.access));
      expect(status).toBe(200);
      return milliseconds;
    });
    for (let n = 0; n < 20; n += 1) times.push((await timed(() => service.get('/users/profile', member.access)))[1]);
    expect(waited).toBeLessThan(50 + NOTICEABLE_MS);
    // One that waits takes at least the timeout.
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(service.app.get(CircuitBreaker).timeoutMs);
  });
});

describe('PostgreSQL', () => {
  const limit = 1000;
  let proxy: TcpProxy;
  let service: TestApp;
  let member: Member;

  beforeAll(async () => {
    proxy = await TcpProxy.before(await workerDatabase());
    service = await TestApp.start({
      DATABASE_URL: proxy.url,
      DATABASE_STATEMENT_TIMEOUT_MS: String(limit),
      DATABASE_POOL_SIZE: '2',
    });
    member = await service.member();
  });
  afterAll(async () => {
    await service.stopAndDrop();
    await proxy.stop();
  });

  it('busy with others answers 429 with a time to come back, and is not reported as down', async () => {
    const { master } = service.database.driver as unknown as { master: Pool };
    expect((await service.get('/ready')).status).toBe(200);
    const taken = await Promise.all([master.connect(), master.connect()]);
    const [[answer, waited], health, ready] = await Promise.all([
      timed(() => service.get('/users/profile', member.access)),
      service.get('/health'),
      service.get('/ready'),
    ]);
    const metrics = (await service.get('/metrics')).text;
    for (const client of taken) client.release();
    expect([answer.status, answer.body.error.type]).toEqual([429, 'busy']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(waited).toBeLessThan(3000);
    expect([health.status, ready.status]).toEqual([200, 200]);
    expect(metrics).toMatch(/database_pool_connections\{state="used"\} 2/);
  });

  it('too slow with a statement answers 429', async () => {
    const blocker = service.database.createQueryRunner();
    await blocker.startTransaction();
    await blocker.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [member.id]);
    const answer = await service.put('/users/profile', { bio: 'blocked' }, member.access);
    await blocker.rollbackTransaction();
    await blocker.release();
    expect([answer.status, answer.body.error.type]).toEqual([429, 'busy']);
  });

  it('hanging answers in time, is down, and serves again when it is back', async () => {
    proxy.freeze();
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => timed(() => service.get('/users/profile', member.access))),
    );
    const health = await service.get('/health');
    for (const [{ status }, waited] of answers) {
      expect([429, 503]).toContain(status);
      expect(waited).toBeLessThan(2000 + limit + 500 + 500);
    }
    expect(answers.some(([{ body }]) => body.error.type === 'database_unavailable')).toBe(true);
    expect([health.status, health.body.status]).toEqual([503, 'down']);
    proxy.restore();
    await until(async () => (await service.get('/users/profile', member.access)).status === 200);
    await until(async () => (await service.get('/ready')).status === 200);
  });

  it('gone answers 503 at once', async () => {
    proxy.cut();
    const waited = await quickest(500, async () => {
      const [{ status, body }, milliseconds] = await timed(() => service.get('/users/profile', member.access));
      expect([status, body.error.type]).toEqual([503, 'database_unavailable']);
      return milliseconds;
    });
    expect(waited).toBeLessThan(500);
    expect((await service.get('/metrics')).text).toMatch(/database_pool_waiting 0/);
    proxy.restore();
    await until(async () => (await service.get('/users/profile', member.access)).status === 200);
  });

  it('and the rest are in the metrics, without ids or addresses', async () => {
    const { text } = await service.get('/metrics');
    for (const name of [
      'http_request_duration_seconds_bucket{le="0.005",method="GET",route="/users/profile",status="200"}',
      'database_pool_connections{state="idle"}',
      'cache_reads_total',
      'password_hashing_waiting',
      'outbox_pending_events 1',
      'outbox_oldest_pending_seconds',
      'outbox_parked_events 0',
      'outbox_relay_active 0',
      'events_published_total',
      'event_publish_errors_total',
      'auth_results_total{action="register",result="ok"}',
    ])
      expect(text).toContain(name);
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|@/);
  });
});
