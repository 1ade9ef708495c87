import { setTimeout as sleep } from 'node:timers/promises';
import { Gateway } from '../gateway.js';
import type { Instance } from '../instance.js';
import { Balancer } from './balancer.js';
import { createMembers, phaseTable, round, SteadyLoad } from './load.js';
import type { Scenario } from './scenario.js';

/** Requests a second; a fifth of them are writes. */
const REQUESTS_PER_SECOND = 200;

/** Restarts each instance by SIGTERM behind a load balancer and under load: no request may fail. */
export const rollingRestart: Scenario = {
  minutes: 1,
  async run(stage, { minutes, log }) {
    const { instances } = stage;
    await Promise.all(instances.map((instance) => instance.start()));
    const direct = new Gateway(instances);
    const members = await createMembers(direct, 100);
    const balancer = await Balancer.before(instances);
    const gateway = new Gateway([{ url: balancer.url } as Instance]);
    const load = new SteadyLoad(REQUESTS_PER_SECOND, (n) => {
      const { token } = members[n % members.length]!;
      const shared = { path: '/users/profile', token };
      if (n % 5 === 0) return gateway.once({ ...shared, operation: 'write', method: 'PUT', body: { bio: `${n}` } }, 0);
      return gateway.once({ ...shared, operation: 'read', method: 'GET' }, 0);
    });
    load.start();
    await sleep(5000);
    load.next();
    await sleep(10_000);
    const before = load.next();
    const shutdowns: number[] = [];
    for (const end = performance.now() + minutes * 60_000; performance.now() < end;)
      for (const instance of instances) {
        const begun = performance.now();
        await instance.terminate();
        shutdowns.push(round((performance.now() - begun) / 1000));
        log(`instance ${instance.index} ended after ${shutdowns.at(-1)} s`);
        await instance.start();
        while (!balancer.isReady(instance.index)) await sleep(50);
        await sleep(1000);
      }
    const during = load.next();
    await load.stop();
    gateway.close();
    direct.close();
    await balancer.stop();
    const phases = { before: before.summary(), restarting: during.summary() };
    const badStops = instances.flatMap((instance) => instance.badStops);
    return {
      text: `${shutdowns.length} restarts under ${REQUESTS_PER_SECOND} requests a second behind a round-robin proxy\n${phaseTable(phases)}\nSIGTERM to end, seconds: ${shutdowns.join(', ')}`,
      data: { phases, shutdownSeconds: shutdowns, badStops },
      failed: phases.before.failed + phases.restarting.failed + badStops.length > 0,
    };
  },
};
