import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { Limiter } from './limiter.js';

describe('Limiter in memory', () => {
  const limiter = () => new Limiter('spec', { points: 2, seconds: 60 }, new CircuitBreaker(null, null as never));

  it('allows the limit and no more, and allows refunded uses again', async () => {
    const two = limiter();
    const first = await two.consume('key');
    const second = await two.consume('key');
    const third = await two.consume('key');
    expect([first, second, third].map(({ allowed, count }) => [allowed, count])).toEqual([
      [true, 1],
      [true, 2],
      [false, 3],
    ]);
    await Promise.all([third.refund(), second.refund()]);
    expect((await two.consume('key')).allowed).toBe(true);
    expect((await two.consume('other')).count).toBe(1);
  });

  it('does not refund a use of an earlier window', async () => {
    const short = new Limiter('spec', { points: 2, seconds: 1 }, new CircuitBreaker(null, null as never));
    const taken = await short.consume('key');
    await sleep(1100);
    await taken.refund();
    expect(await short.counted('key')).toBe(0);
    const counts = [await short.consume('key'), await short.consume('key'), await short.consume('key')];
    expect(counts.map(({ allowed }) => allowed)).toEqual([true, true, false]);
    await Promise.all([...counts, ...counts].map(({ refund }) => refund()));
    expect(await short.counted('key')).toBe(0);
  });

  it('locks a key for a whole window despite refunds', async () => {
    const two = limiter();
    const taken = await two.consume('key');
    expect(await two.blockedForMs('key')).toBe(0);
    await two.lock('key');
    await taken.refund();
    expect(await two.blockedForMs('key')).toBeCloseTo(60_000, -2);
    expect(await two.blockedForMs('other')).toBe(0);
  });

  it('evicts the least recently used key', async () => {
    const two = limiter();
    await two.consume('old');
    await two.consume('kept');
    for (let index = 0; index < 9_999; index += 1) {
      await two.consume(`key ${index}`);
      if (index === 5_000) await two.consume('kept');
    }
    expect((await two.consume('old')).count).toBe(1);
    expect((await two.consume('kept')).count).toBe(3);
  });

  it('evicts no key because of refunded uses', async () => {
    const two = limiter();
    await two.consume('victim');
    for (let index = 0; index < 10_000; index += 1) await (await two.consume(`key ${index}`)).refund();
    expect(await two.counted('victim')).toBe(1);
  });

  it('keeps a use that is counted during a refund, even one made twice', async () => {
    const two = limiter();
    const earlier = await two.consume('key');
    const [, later] = await Promise.all([earlier.refund(), two.consume('key'), earlier.refund()]);
    expect([later.count, await two.counted('key')]).toEqual([1, 1]);
  });

  it('evicts the oldest lock for another lock, never for a count', async () => {
    const two = limiter();
    await two.lock('old');
    await two.lock('kept');
    for (let index = 0; index < 9_999; index += 1) await two.lock(`key ${index}`);
    for (let index = 0; index < 20_000; index += 1) await two.consume(`key ${index}`);
    expect(await two.blockedForMs('old')).toBe(0);
    expect(await two.blockedForMs('kept')).toBeGreaterThan(0);
  });
});
