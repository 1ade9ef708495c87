import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { Limiter } from './limiter.js';

describe('Limiter in memory', () => {
  const limiter = () => new Limiter('spec', { points: 2, seconds: 60 }, new CircuitBreaker(null, null as never));

  it('allows the limit and no more, and counts again what was given back', async () => {
    const two = limiter();
    const first = await two.take('key');
    const second = await two.take('key');
    const third = await two.take('key');
    expect([first, second, third].map(({ allowed, count }) => [allowed, count])).toEqual([
      [true, 1],
      [true, 2],
      [false, 3],
    ]);
    await Promise.all([third.giveBack(), second.giveBack()]);
    expect((await two.take('key')).allowed).toBe(true);
    expect((await two.take('other')).count).toBe(1);
  });

  it('gives nothing back to a window that has not counted it', async () => {
    const short = new Limiter('spec', { points: 2, seconds: 1 }, new CircuitBreaker(null, null as never));
    const taken = await short.take('key');
    await sleep(1100);
    await taken.giveBack();
    expect(await short.counted('key')).toBe(0);
    const counts = [await short.take('key'), await short.take('key'), await short.take('key')];
    expect(counts.map(({ allowed }) => allowed)).toEqual([true, true, false]);
    await Promise.all([...counts, ...counts].map(({ giveBack }) => giveBack()));
    expect(await short.counted('key')).toBe(0);
  });

  it('locks a key for a whole window, whatever is given back', async () => {
    const two = limiter();
    const taken = await two.take('key');
    expect(await two.lockedFor('key')).toBe(0);
    await two.lock('key');
    await taken.giveBack();
    expect(await two.lockedFor('key')).toBeCloseTo(60_000, -2);
    expect(await two.lockedFor('other')).toBe(0);
  });

  it('forgets the key not seen for longest when too many are counted', async () => {
    const two = limiter();
    await two.take('old');
    await two.take('kept');
    for (let index = 0; index < 9_999; index += 1) {
      await two.take(`key ${index}`);
      if (index === 5_000) await two.take('kept');
    }
    expect((await two.take('old')).count).toBe(1);
    expect((await two.take('kept')).count).toBe(3);
  });

  it('forgets nobody for tries that are given back, however many', async () => {
    const two = limiter();
    await two.take('victim');
    for (let index = 0; index < 10_000; index += 1) await (await two.take(`key ${index}`)).giveBack();
    expect(await two.counted('victim')).toBe(1);
  });

  it('keeps a try that comes while another is given back, even twice', async () => {
    const two = limiter();
    const earlier = await two.take('key');
    const [, later] = await Promise.all([earlier.giveBack(), two.take('key'), earlier.giveBack()]);
    expect([later.count, await two.counted('key')]).toEqual([1, 1]);
  });

  it('forgets the oldest lock when there are too many, and none for counts', async () => {
    const two = limiter();
    await two.lock('old');
    await two.lock('kept');
    for (let index = 0; index < 9_999; index += 1) await two.lock(`key ${index}`);
    for (let index = 0; index < 20_000; index += 1) await two.take(`key ${index}`);
    expect(await two.lockedFor('old')).toBe(0);
    expect(await two.lockedFor('kept')).toBeGreaterThan(0);
  });
});
