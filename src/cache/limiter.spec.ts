import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from './circuit-breaker.js';
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
});
