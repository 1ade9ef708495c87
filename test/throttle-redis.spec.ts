import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { Limiter } from '../src/rate-limit/limiter.js';
import { TestApp, uniqueEmail } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { LIMITED, login, newClient, tally, times, WRONG } from './support/sign-ins.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

describeWith('redis', 'throttling through Redis', () => {
  let proxy: TcpProxy;
  let instances: [TestApp, TestApp];

  beforeAll(async () => {
    proxy = await TcpProxy.before(await workerRedisUrl());
    instances = [
      await TestApp.start({ ...LIMITED, REDIS_URL: proxy.url }),
      await TestApp.start({ ...LIMITED, REDIS_URL: proxy.url }),
    ];
  });
  afterAll(async () => {
    for (const instance of instances) await instance.stop();
    await proxy.stop();
  });

  /** A busy machine must not look like a Redis that is down. */
  const patient = (app: TestApp) => (app.app.get(CircuitBreaker).timeoutMs = 5000);

  it('counts for all instances, without an address in clear text', async () => {
    instances.forEach(patient);
    const { email, password } = await instances[0].member();
    const from = newClient();
    const answers = await times(10, (index) => login(instances[index % 2 === 0 ? 0 : 1], email, WRONG, from));
    expect(tally(answers)).toEqual({ 401: 10 });
    for (const instance of instances) expect((await login(instance, email, password, from)).status).toBe(429);
    const redis = new Redis(await workerRedisUrl());
    const keys = await redis.keys('limit:*');
    const lives = await Promise.all(keys.map((key) => redis.ttl(key)));
    await redis.quit();
    expect(keys.length).toBeGreaterThanOrEqual(3);
    expect(keys.join()).not.toMatch(/@|example|198\.51/);
    expect(Math.min(...lives)).toBeGreaterThan(0);
  });

  it('does not grant extra guesses for a right password after the end of the window', async () => {
    instances.forEach(patient);
    const redis = new Redis(await workerRedisUrl());
    const limiter = new Limiter('spec', { points: 2, seconds: 60 }, instances[0].app.get(CircuitBreaker));
    const taken = await limiter.consume('key');
    await redis.del('limit:spec:key');
    await taken.refund();
    expect(await redis.get('limit:spec:key')).toBeNull();
    const three = await times(3, () => limiter.consume('key'));
    expect(three.map(({ allowed }) => allowed)).toEqual([true, true, false]);
    await Promise.all([...three, taken].map(({ refund }) => refund()));
    expect(await redis.get('limit:spec:key')).toBe('0');
    expect(await redis.ttl('limit:spec:key')).toBeGreaterThan(50);
    await redis.quit();
  });

  it('allows at most ten of 50 concurrent guesses on two instances', async () => {
    instances.forEach(patient);
    const { email } = await instances[0].member();
    const from = newClient();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => login(instances[index % 2 === 0 ? 0 : 1], email, WRONG, from)),
    );
    expect(tally(answers)[401]).toBeLessThanOrEqual(10);
    expect(tally(answers)[401]! + tally(answers)[429]!).toBe(50);
  });

  it('does not count attempts of a locked client against the address', async () => {
    const strict = { ...LIMITED, REDIS_URL: proxy.url, RATE_LIMIT_LOGIN_ADDRESS: '12' };
    const app = await TestApp.start(strict);
    patient(app);
    const { email, password } = await app.member();
    const from = newClient();
    await times(10, () => login(app, email, WRONG, from));
    const flood = Array.from({ length: 40 }, () => login(app, email, WRONG, from));
    expect((await login(app, email, password, newClient())).status).toBe(200);
    expect(tally(await Promise.all(flood))).toEqual({ 429: 40 });
    await app.stop();
  });

  it('keeps a lock through an outage of Redis', async () => {
    const breaker = instances[0].app.get(CircuitBreaker);
    patient(instances[0]);
    await until(() => breaker.available);
    const limiter = new Limiter('spec-lock', { points: 2, seconds: 60 }, breaker);
    const locked = async () => [await limiter.blockedForMs('before'), await limiter.blockedForMs('during')];
    await limiter.lock('before');
    proxy.cut();
    await until(() => breaker.redis!.status !== 'ready');
    const [before] = await locked();
    await limiter.lock('during');
    proxy.restore();
    await until(() => breaker.available && breaker.redis!.status === 'ready');
    const redis = new Redis(await workerRedisUrl());
    expect(await redis.keys('limit:spec-lock:*')).toEqual(['limit:spec-lock:lock:before']);
    await redis.quit();
    for (const milliseconds of [before!, ...(await locked())]) expect(milliseconds).toBeGreaterThan(50_000);
  });

  it('applies a lock that another instance has set', async () => {
    instances.forEach(patient);
    const [one, two] = instances.map(
      ({ app }) => new Limiter('spec-shared', { points: 2, seconds: 60 }, app.get(CircuitBreaker)),
    );
    await until(() => instances.every(({ app }) => app.get(CircuitBreaker).available));
    await one!.lock('key');
    expect(await two!.blockedForMs('key')).toBeGreaterThan(50_000);
  });

  it.each(['cut', 'freeze'] as const)(
    'each instance counts alone after a %s, without a delay, and joins again',
    async (fault) => {
      const app = await TestApp.start({ ...LIMITED, REDIS_URL: proxy.url });
      // Longer than what an answer takes on a busy machine, to tell the two apart.
      app.app.get(CircuitBreaker).timeoutMs = 300;
      const { email, password } = await app.member();
      const from = newClient();
      proxy[fault]();
      const spent: number[] = [];
      const answers = await times(11, async () => {
        const started = performance.now();
        const answer = await login(app, email, WRONG, from);
        spent.push(performance.now() - started);
        return answer;
      });
      expect(tally(answers)).toEqual({ 401: 10, 429: 1 });
      expect((await login(app, email, password, from)).status).toBe(429);
      // The first one waits for the time-out, the others know already.
      expect(spent[0]).toBeLessThan(1000);
      expect(Math.min(...spent.slice(1))).toBeLessThan(300);
      proxy.restore();
      const redis = new Redis(await workerRedisUrl());
      const before = await redis.dbsize();
      await until(async () => {
        await login(app, uniqueEmail(), WRONG, newClient());
        return (await redis.dbsize()) > before;
      });
      await redis.quit();
      await app.stop();
    },
  );
});
