import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createLogger } from '../common/logging/logger.js';
import { CircuitBreaker, RedisUnavailable } from './circuit-breaker.js';

let answersAfter: number;
let redis: { status: string; on: jest.Mock; set: jest.Mock; disconnect: jest.Mock };
let breaker: CircuitBreaker;

// An answer that no test waits for must not keep the process alive.
const answer = () => sleep(answersAfter, undefined, { ref: false });

beforeEach(() => {
  redis = { status: 'ready', on: jest.fn(), set: jest.fn(answer), disconnect: jest.fn() };
  breaker = new CircuitBreaker(redis as unknown as Redis, createLogger('silent', null));
});
afterEach(() => breaker.stop());

const ask = (milliseconds: number) => breaker.run(() => sleep(milliseconds, 'answer'));

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

describe('the circuit breaker', () => {
  it.each([20, 30])('opens if every answer takes %d ms, before a request has waited for long', async (time) => {
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

  it('stays closed for occasional slow answers', async () => {
    for (let round = 0; round < 10; round += 1) {
      await ask(15);
      await ask(0);
    }
    expect(breaker.available).toBe(true);
  });

  it('counts concurrent slow commands once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 20 }, () => ask(15)));
      await ask(0);
    }
    expect(breaker.available).toBe(true);
  });

  it('ignores the event loop lag of its own process', async () => {
    for (let round = 0; round < 20; round += 1) {
      const answers = [ask(1), ask(1)];
      block(30);
      answers.push(ask(1));
      setImmediate(() => block(30));
      await Promise.all(answers);
    }
    expect(breaker.available).toBe(true);
  });

  it.each([
    ['ready', [[true]]],
    // The library would never connect again.
    ['connecting', []],
  ])('closes a connection that is %s and does not answer the probe', async (status, calls) => {
    redis.status = status;
    answersAfter = 4000;
    await expect(ask(200)).rejects.toThrow(RedisUnavailable);
    await sleep(2500);
    expect(redis.disconnect.mock.calls).toEqual(calls);
  });

  it('waits for a slow answer before it probes again, and keeps the connection', async () => {
    answersAfter = 1000;
    await expect(ask(200)).rejects.toThrow(RedisUnavailable);
    await sleep(1000);
    expect(redis.set).toHaveBeenCalledTimes(1);
    while (redis.set.mock.calls.length < 2) await sleep(10);
    expect(redis.disconnect).not.toHaveBeenCalled();
  });
});
