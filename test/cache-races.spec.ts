import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { CircuitBreaker } from '../src/redis/circuit-breaker.js';
import { EntityCache } from '../src/cache/entity-cache.js';
import { EntrySigner } from '../src/redis/entry-signer.js';
import { connectRedis } from '../src/redis/connection.js';
import { RedisStore } from '../src/cache/redis.store.js';
import { createLogger } from '../src/common/logging/logger.js';
import { readSettings } from '../src/config/settings.js';
import { KeyRing } from '../src/crypto/key-ring.js';
import { testValues } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { until } from './support/until.js';

const logger = createLogger('silent', null);
const TTL_MS = 60_000;

/** A promise that the spec keeps, for a query that takes as long as the spec wants. */
function held<T>() {
  let release!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (release = resolve));
  return { promise, release };
}

describeWith('redis', 'cached values under races', () => {
  const breakers: CircuitBreaker[] = [];
  let redis: Redis;
  let url: string;
  let key: string;
  let id: string;
  let one: RedisStore;
  let two: RedisStore;
  const missed: string[] = [];

  const process = async (address = url) => {
    const breaker = new CircuitBreaker(connectRedis(readSettings(testValues({ REDIS_URL: address }))), logger);
    // A busy machine must not look like a Redis that is down, except where a spec freezes it.
    breaker.timeoutMs = address === url ? 5000 : 300;
    breakers.push(breaker);
    const store = new RedisStore(
      breaker,
      new EntrySigner(new KeyRing(readSettings(testValues()))),
      logger,
      async (keys) => void missed.push(...keys),
    );
    await until(() => breaker.redis!.status === 'ready');
    return store;
  };
  const cacheOn = (store: RedisStore) => new EntityCache<string>(store, 'race', TTL_MS);
  const read = (store: RedisStore, value: string) => cacheOn(store).get(id, async () => value);
  /** What anybody would be answered from the entry. */
  const answer = async () => JSON.parse((await two.get(key)) ?? 'null');
  /** One read need not fill: it does not where it finds Redis slow, and where it is a little slow it does so later. */
  const fill = (store: RedisStore, value: string) =>
    until(async () => {
      expect(await read(store, value)).toBe(value);
      return (await answer()) === value;
    });

  beforeAll(async () => {
    url = await workerRedisUrl();
    redis = new Redis(url);
    [one, two] = await Promise.all([process(), process()]);
  });
  beforeEach(() => {
    id = randomUUID();
    key = `user:race:${id}`;
    missed.length = 0;
  });
  afterAll(() => {
    for (const breaker of breakers) breaker.stop();
    redis.disconnect();
  });

  describe('a slow reader with the old value', () => {
    /** Starts a read whose query has seen the old row, lets `overtake` happen, and then lets it fill. */
    const overtaken = async (overtake: () => Promise<unknown>) => {
      const query = held<string>();
      const asked = held<void>();
      const attempt = () =>
        cacheOn(one).get(id, async (kept) => {
          // It has found Redis slow: it would fill nothing, and show nothing.
          if (!kept) return '';
          asked.release();
          return query.promise;
        });
      const reading = until(attempt);
      await Promise.race([asked.promise, reading]);
      await overtake();
      query.release('old');
      expect(await reading).toBe('old');
    };

    it('does not fill over a change', async () => {
      await overtaken(async () => two.commitWrite(key, await two.lockForWrite(key), '"new"', TTL_MS));
      expect(await answer()).toBe('new');
    });

    it('does not fill after an invalidation', async () => {
      await overtaken(() => two.invalidate([key]));
      expect(await redis.get(key)).toBeNull();
    });

    it('does not fill while a write lock is held, and no other reader does', async () => {
      await overtaken(() => two.lockForWrite(key));
      expect(await read(two, 'old')).toBe('old');
      expect(await answer()).toBeNull();
    });

    it('does not fill where another reader has, after a flush', async () => {
      await overtaken(async () => {
        await redis.del(key);
        await fill(two, 'new');
      });
      expect(await answer()).toBe('new');
    });

    it('does not fill after its lease has run out', async () => {
      await overtaken(async () => {
        expect(await redis.pttl(key)).toBeGreaterThan(3000);
        await redis.del(key);
      });
      expect(await redis.get(key)).toBeNull();
    });
  });

  describe('two writers', () => {
    it.each([
      ['in the order of their commits', ['first', 'second']],
      ['the other way round', ['second', 'first']],
    ])('whose commitWrite arrives %s leave no old value', async (_, order) => {
      const claims = { first: await one.lockForWrite(key), second: await two.lockForWrite(key) };
      for (const writer of order as ('first' | 'second')[])
        await one.commitWrite(key, claims[writer], JSON.stringify(writer), TTL_MS);
      expect([null, 'second']).toContain(await answer());
    });

    it.each(['first', 'second'] as const)(
      'whose locks overlap leave no value when the %s dies before commitWrite',
      async (dead) => {
        const claims = { first: await one.lockForWrite(key), second: await two.lockForWrite(key) };
        const alive = dead === 'first' ? 'second' : 'first';
        // Either may have committed last: only a value that both have seen may stand.
        await two.commitWrite(key, claims[alive], JSON.stringify(alive), TTL_MS);
        await two.invalidate([key]);
        expect(await answer()).toBeNull();
      },
    );

    it('leave no old value when one is late', async () => {
      const early = await one.lockForWrite(key);
      await two.commitWrite(key, await two.lockForWrite(key), '"new"', TTL_MS);
      await one.commitWrite(key, early, '"old"', TTL_MS);
      expect(await answer()).toBeNull();
    });
  });

  it('a writer that dies leaves a lock that expires', async () => {
    await fill(one, 'old');
    await one.lockForWrite(key);
    expect(await answer()).toBeNull();
    expect(await redis.pttl(key)).toBeLessThanOrEqual(15_000);
  });

  it('a writer whose lock was invalidated does not fill the entry', async () => {
    const claim = await one.lockForWrite(key);
    await two.invalidate([key]);
    await one.commitWrite(key, claim, '"maybe old"', TTL_MS);
    expect(await answer()).toBeNull();
  });

  describe('with Redis out of reach', () => {
    let proxy: TcpProxy;
    let far: RedisStore;

    beforeEach(async () => {
      proxy = await TcpProxy.before(url);
      far = await process(proxy.url);
    });
    afterEach(() => proxy.stop());

    it('a write that timed out and is applied later does not replace a newer one', async () => {
      const claim = await far.lockForWrite(key);
      proxy.freeze();
      await far.commitWrite(key, claim, '"old"', TTL_MS);
      expect(missed).toEqual([key]);
      await two.commitWrite(key, await two.lockForWrite(key), '"new"', TTL_MS);
      proxy.restore();
      await until(async () => (await far.get(key)) !== undefined);
      expect([null, 'new']).toContain(await answer());
    });

    it('invalidates what Redis missed before this process reads the entry again', async () => {
      await fill(two, 'old');
      proxy.freeze();
      await far.commitWrite(key, await far.lockForWrite(key), '"new"', TTL_MS);
      expect(await far.get(key)).toBeUndefined();
      proxy.restore();
      await until(async () => (await far.get(key)) !== undefined);
      expect(await far.get(key)).toBeNull();
      expect(await answer()).toBeNull();
    });

    it('an entry with a lock of this process is filled again at once', async () => {
      const claim = await far.lockForWrite(key);
      proxy.freeze();
      await far.invalidate([`user:race:${randomUUID()}`]);
      // Nothing is sent from here on.
      await far.commitWrite(key, claim, '"new"', TTL_MS);
      await far.commitWrite(key, await far.lockForWrite(key), '"newer"', TTL_MS);
      proxy.restore();
      await until(async () => (await far.get(key)) !== undefined);
      await fill(two, 'newer');
    });

    it('a lost connection starts a new generation, and the cache fills again', async () => {
      await fill(two, 'from before');
      proxy.cut();
      await until(async () => (await far.get(key)) === undefined);
      proxy.restore();
      await until(async () => (await far.get(key)) !== undefined);
      expect(await answer()).toBeNull();
      await fill(two, 'after');
    });

    it('too many pending invalidations start a new generation', async () => {
      await fill(two, 'old');
      proxy.freeze();
      await far.invalidate([key, ...Array.from({ length: 1001 }, () => `user:race:${randomUUID()}`)]);
      proxy.restore();
      await until(async () => (await far.get(key)) !== undefined);
      expect(await answer()).toBeNull();
    });
  });

  it('a flush or an overwritten generation only costs queries', async () => {
    await fill(one, 'value');
    await redis.flushdb();
    expect(await answer()).toBeNull();
    await fill(one, 'value');
    await redis.set('user:cache:generation', 'nonsense');
    await fill(one, 'again');
  });
});
