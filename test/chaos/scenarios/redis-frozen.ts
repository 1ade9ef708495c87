import { setTimeout as sleep } from 'node:timers/promises';
import { Gateway } from '../gateway.js';
import type { Instance } from '../instance.js';
import { createMembers, phaseTable, round, SteadyLoad } from './load.js';
import type { Scenario } from './scenario.js';

/** Reads a second. */
const REQUESTS_PER_SECOND = 100;
const CALM_MS = 15_000;
const MAX_RECOVERY_MS = 30_000;

/** Redis hangs with its connections open; measures read latency and the time until it is used again. */
export const redisFrozen: Scenario = {
  minutes: 0.5,
  async run(stage, { minutes, log }) {
    const { instances, proxies } = stage;
    await Promise.all(instances.map((instance) => instance.start()));
    const gateway = new Gateway(instances);
    const members = await createMembers(gateway, 100);
    const load = new SteadyLoad(REQUESTS_PER_SECOND, (n) => {
      const { token } = members[n % members.length]!;
      return gateway.once({ operation: 'read', method: 'GET', path: '/users/profile', token }, n % 2);
    });
    load.start();
    await sleep(5000);
    load.next();
    await sleep(CALM_MS);
    const before = load.next();
    for (const proxy of proxies.redis) proxy.freeze();
    log('Redis is frozen');
    await sleep(1000);
    const first = load.next();
    await sleep(minutes * 60_000 - 1000);
    const rest = load.next();
    const hits = await Promise.all(instances.map(cacheHits));
    const thawed = performance.now();
    for (const proxy of proxies.redis) proxy.restore();
    const recoveries = await Promise.all(
      instances.map(async (instance, n) => {
        while ((await cacheHits(instance)) <= hits[n]!) {
          if (performance.now() - thawed > MAX_RECOVERY_MS) return Infinity;
          await sleep(5);
        }
        return performance.now() - thawed;
      }),
    );
    log(`used again after ${recoveries.map(Math.round).join(' and ')} ms`);
    const recovering = load.next();
    await sleep(CALM_MS);
    const after = load.next();
    await load.stop();
    gateway.close();
    const phases = {
      before: before.summary(),
      'first second': first.summary(),
      'rest of the freeze': rest.summary(),
      recovering: recovering.summary(),
      after: after.summary(),
    };
    const failures = Object.values(phases).reduce((sum, { failed }) => sum + failed, 0);
    const recoveryMs = recoveries.map(round);
    return {
      text: `Redis frozen for ${minutes * 60} s under ${REQUESTS_PER_SECOND} reads a second\n${phaseTable(phases)}\nused again after ${recoveryMs.join(' and ')} ms`,
      data: { minutes, phases, recoveryMs },
      failed: failures > 0 || recoveryMs.includes(Infinity),
    };
  },
};

/** The cache hits of the instance. */
async function cacheHits({ url }: Instance): Promise<number> {
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  const lines = text.split('\n').filter((line) => /cache/.test(line) && line.includes('result="hit"'));
  if (lines.length === 0) throw new Error('the metrics name no cache hits');
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
