import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { CircuitBreaker, RedisUnavailable } from '../src/redis/circuit-breaker.js';
import { runInTransaction } from '../src/database/transaction.js';
import { createLogger } from '../src/common/logging/logger.js';
import { PreparedStatements } from '../src/database/prepared-statements.js';
import { findUserPage } from '../src/users/list/user-pages.js';
import { TestApp } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';

describeWith(['redis'], 'reads from Redis in one turn of the event loop', () => {
  let redis: Redis;
  let breaker: CircuitBreaker;

  beforeAll(async () => {
    redis = new Redis(await workerRedisUrl());
    breaker = new CircuitBreaker(redis, createLogger('silent', null));
    await redis.mset('spec:a', '1', 'spec:b', '2');
  });
  afterAll(() => breaker.stop());

  it('share one command, and each gets its own value', async () => {
    const command = jest.spyOn(redis, 'mget');
    const reads = ['spec:a', 'spec:none', 'spec:b', 'spec:a'].map((key) => breaker.get(key));
    expect(await Promise.all(reads)).toEqual(['1', null, '2', '1']);
    expect(await breaker.get('spec:b')).toBe('2');
    expect(command.mock.calls).toEqual([[['spec:a', 'spec:none', 'spec:b']], [['spec:b']]]);
  });

  it('all fail if Redis does not answer', async () => {
    jest.spyOn(redis, 'mget').mockReturnValueOnce(new Promise(() => undefined));
    const reads = await Promise.allSettled(['spec:a', 'spec:b'].map((key) => breaker.get(key)));
    for (const read of reads) expect(read).toMatchObject({ reason: expect.any(RedisUnavailable) });
  });
});

describe('a long list of users', () => {
  let service: TestApp;

  beforeAll(async () => {
    service = await TestApp.start();
  });
  afterAll(() => service.stopAndDrop());

  it('is loaded by the hundred, so that other requests are answered in between', async () => {
    await service.sql(
      `INSERT INTO users (email, name) SELECT 'long' || n || '@example.com', 'Ada' FROM generate_series(1, 250) AS n`,
    );
    const sort = { field: 'email', descending: false } as const;
    const [users, loads] = await runInTransaction(service.database, async (tx) => {
      const load = jest.spyOn(tx, 'findBy');
      const page = await findUserPage(tx, { filter: {}, sort, after: null, offset: 0, limit: 1000 });
      return [page.users, load.mock.calls.length] as const;
    });
    expect(users.map(({ email }) => email)).toEqual(users.map(({ email }) => email).sort());
    expect([users.length, loads]).toEqual([250, 3]);
  });
});

describe('queued statements', () => {
  let service: TestApp;
  let statements: PreparedStatements;

  beforeAll(async () => {
    service = await TestApp.start();
    statements = service.app.get(PreparedStatements);
    await service.sql('CREATE TABLE spec_left (id serial, a text, b int)');
    await service.sql('CREATE TABLE spec_right (c text)');
  });
  afterAll(() => service.stopAndDrop());

  const left = { name: 'spec_left', text: 'INSERT INTO spec_left (b, a) VALUES ($2, $1)' };
  const right = { text: 'INSERT INTO spec_right (c) VALUES ($1)' };

  it('get their own values, before the commit or with a later write, and keep the order of equal ones', async () => {
    await runInTransaction(service.database, async (tx) => {
      await statements.queue(tx, left, ['one', 1]);
      await statements.queue(tx, right, ['x']);
      await statements.queue(tx, left, ['two', 2]);
      await statements.runWithQueue(tx, right, ['y']);
      expect(await tx.query('SELECT b FROM spec_left ORDER BY id')).toEqual([{ b: 1 }, { b: 2 }]);
      await statements.queue(tx, right, ['z']);
      await statements.queue(tx, left, ['three', 3]);
    });
    expect(await service.sql('SELECT a, b FROM spec_left ORDER BY id')).toEqual([
      { a: 'one', b: 1 },
      { a: 'two', b: 2 },
      { a: 'three', b: 3 },
    ]);
    expect(await service.sql('SELECT c FROM spec_right ORDER BY c')).toEqual([{ c: 'x' }, { c: 'y' }, { c: 'z' }]);
  });

  it('roll back the transaction if one fails', async () => {
    const failing = { text: 'INSERT INTO spec_right (c) VALUES (1 / $1::int)' };
    const work = runInTransaction(service.database, async (tx) => {
      await statements.queue(tx, left, ['four', 4]);
      await statements.queue(tx, failing, [0]);
    });
    await expect(work).rejects.toThrow('division by zero');
    expect(await service.sql('SELECT FROM spec_left WHERE b = 4')).toEqual([]);
  });

  it('are prepared up to a limit', async () => {
    const kept = await runInTransaction(service.database, async (tx) => {
      for (let n = 0; n < 150; n += 1) await statements.run(tx, { text: `SELECT '${randomUUID()}'` }, []);
      return tx.query<[{ count: number }]>(
        `SELECT count(*)::int AS count FROM pg_prepared_statements WHERE name LIKE 'built_%'`,
      );
    });
    expect(kept[0].count).toBeGreaterThan(50);
    expect(kept[0].count).toBeLessThanOrEqual(100);
  });
});
