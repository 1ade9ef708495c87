import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { EphemeralStore } from '../src/redis/ephemeral.store.js';
import { randomToken } from '../src/crypto/tokens.js';
import { TestApp } from './support/app.js';
import { Browser, pathOf } from './support/browser.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { OidcProvider, person } from './support/oidc-provider.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

let service: TestApp;

afterAll(() => service.stopAndDrop());

const store = () => service.app.get(EphemeralStore);
const inTable = (key: string) => service.sql('SELECT value FROM ephemeral_values WHERE key = $1', [key]);

async function takenAtOnce(key: string): Promise<(string | null)[]> {
  const taken = await Promise.all(Array.from({ length: 20 }, () => store().consume(key)));
  return taken.filter((value) => value !== null);
}

describe('without Redis, a one-time value', () => {
  beforeAll(async () => {
    service = await TestApp.start();
  });

  it('is stored in the table and consumed once', async () => {
    await store().put('once', 'value', 60);
    expect(await inTable('once')).toEqual([{ value: 'value' }]);
    expect(await takenAtOnce('once')).toEqual(['value']);
    expect(await store().consume('once')).toBeNull();
    expect(await inTable('once')).toEqual([{ value: '' }]);
  });

  it('is consumed once by concurrent calls', async () => {
    await store().put('contended', 'value', 60);
    const holder = service.database.createQueryRunner();
    await holder.startTransaction();
    await holder.query(`SELECT 1 FROM ephemeral_values WHERE key = 'contended' FOR UPDATE`);
    const takes = [1, 2, 3].map(() => store().consume('contended'));
    await service.blocked(takes.length);
    await holder.commitTransaction();
    await holder.release();
    expect((await Promise.all(takes)).sort()).toEqual(['value', null, null].sort());
  });

  it('expires, and is deleted by the next write', async () => {
    await store().put('late', 'value', 60);
    await service.sql(`UPDATE ephemeral_values SET expires_at = now() - interval '1 second' WHERE key = 'late'`);
    expect(await store().consume('late')).toBeNull();
    await store().put('next', 'value', 60);
    expect(await inTable('late')).toEqual([]);
  });
});

describeWith('redis', 'with Redis, a value for one use', () => {
  let oidc: OidcProvider;
  let proxy: TcpProxy;
  let redis: Redis;
  let usual: number;

  beforeAll(async () => {
    oidc = await OidcProvider.start();
    proxy = await TcpProxy.before(await workerRedisUrl());
    redis = new Redis(await workerRedisUrl());
    await service.stop();
    service = await TestApp.start({ ...oidc.values, REDIS_URL: proxy.url });
    usual = service.app.get(CircuitBreaker).timeoutMs;
  });
  beforeEach(async () => {
    service.app.get(CircuitBreaker).timeoutMs = usual;
    proxy.restore();
    proxy.delay = 0;
    await until(async () => (await probe()) && service.app.get(CircuitBreaker).available);
  });
  afterAll(async () => {
    await proxy.stop();
    await oidc.stop();
    redis.disconnect();
  });

  const probe = () =>
    service.app
      .get(CircuitBreaker)
      .run((client) => client.ping())
      .catch(() => null);
  /** A busy machine must not look like a Redis that is down. */
  const patient = () => (service.app.get(CircuitBreaker).timeoutMs = 5000);
  const begun = async () => {
    oidc.signedInAs(person());
    const { body } = await service.post('/auth/google');
    const { searchParams } = await oidc.authorize(body.auth_url);
    return Object.fromEntries(searchParams) as { code: string; state: string };
  };

  it('is stored in Redis until it expires, not in the table', async () => {
    patient();
    const { state, code } = await begun();
    const key = `oauth:state:${state}`;
    const left = await redis.pttl(key);
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
    expect(await inTable(key)).toEqual([]);
    expect((await service.post('/auth/google/callback', { state, code })).status).toBe(200);
    expect(await redis.exists(key)).toBe(0);
  });

  it('is consumed once', async () => {
    patient();
    await store().put('shared', 'value', 60);
    expect(await takenAtOnce('shared')).toEqual(['value']);
  });

  it('is lost with Redis between start and callback, and the next sign-in works without Redis', async () => {
    const lost = await begun();
    proxy.cut();
    const started = performance.now();
    const answer = await service.post('/auth/google/callback', lost);
    expect([answer.status, answer.body.error.type]).toEqual([400, 'invalid_state']);
    expect(performance.now() - started).toBeLessThan(1000);
    const browser = new Browser(service);
    const back = await browser.start('google', oidc, person(), undefined);
    expect((await browser.open(pathOf(back))).status).toBe(200);
  });

  it('is consumed once after Redis is back', async () => {
    proxy.cut();
    const body = await begun();
    proxy.restore();
    await until(async () => (await probe()) !== null);
    const answers = await Promise.all([1, 2, 3].map(() => service.post('/auth/google/callback', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
  });

  it('is consumed once if Redis stored it after the timeout', async () => {
    const key = `late:${randomToken()}`;
    // The command arrives, its answer comes after the time-out.
    proxy.delay = 60;
    await store().put(key, 'value', 60);
    expect(await inTable(key)).toEqual([{ value: 'value' }]);
    await until(() => redis.exists(key));
    expect(await store().consume(key)).toBe('value');
    expect(await redis.exists(key)).toBe(1);
    proxy.delay = 0;
    await until(async () => (await probe()) !== null);
    expect(await takenAtOnce(key)).toEqual([]);
  });

  it('is null if Redis refuses the command', async () => {
    await redis.lpush('odd', 'x');
    expect(await store().consume('odd')).toBeNull();
  });
});
