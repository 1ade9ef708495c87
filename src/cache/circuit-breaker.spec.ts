import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createLogger } from '../common/logger.js';
import { CircuitBreaker, RedisUnavailable } from './circuit-breaker.js';

let answersAfter: number;
let breaker: CircuitBreaker;

beforeEach(() => {
  const redis = { ping: () => sleep(answersAfter), disconnect: () => undefined } as unknown as Redis;
  breaker = new CircuitBreaker(redis, createLogger('silent', null));
});
afterEach(() => breaker.stop());

const ask = (milliseconds: number) => breaker.run(() => sleep(milliseconds, 'answer'));

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

describe('the circuit breaker', () => {
  it.each([20, 30])('opens where every answer takes %d ms, before a request has waited for long', async (time) => {
    answersAfter = time;
    let answers = 0;
    const opened = (async () => {
      for (;;) {
        await ask(time);
        answers += 1;
      }
    })();
    await expect(opened).rejects.toThrow(RedisUnavailable);
    expect(answers).toBeLessThan(10);
    // The probe finds it no better.
    await sleep(400);
    expect(breaker.available).toBe(false);
    answersAfter = 0;
    while (!breaker.available) await sleep(10);
  });

  it('stays closed where a slow answer is now and then among quick ones', async () => {
    for (let round = 0; round < 10; round += 1) {
      await ask(15);
      await ask(0);
    }
    expect(breaker.available).toBe(true);
  });

  it('counts what waits at the same time once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 20 }, () => ask(15)));
      await ask(0);
    }
    expect(breaker.available).toBe(true);
  });

  it('takes the lag of its own process for no fault of Redis', async () => {
    for (let round = 0; round < 20; round += 1) {
      const answers = [ask(1), ask(1)];
      block(30);
      answers.push(ask(1));
      setImmediate(() => block(30));
      await Promise.all(answers);
    }
    expect(breaker.available).toBe(true);
  });
});
