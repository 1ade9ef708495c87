import { setTimeout as sleep } from 'node:timers/promises';
import { readRows, waitingEvents } from '../checks/database.js';
import { checkEvents } from '../checks/events.js';
import { readTopics } from '../checks/topic.js';
import { Gateway } from '../gateway.js';
import { createMembers, phaseTable, round, SteadyLoad } from './load.js';
import type { Scenario } from './scenario.js';

/** Writes a second. */
const REQUESTS_PER_SECOND = 50;
/** Milliseconds before and after. */
const CALM_MS = 30_000;

/** Kills the broker under a steady load of writes and restarts it on its data; measures write latency and the backlog. */
export const kafkaDown: Scenario = {
  minutes: 2,
  async run(stage, { minutes, log }) {
    const { instances, direct, servers, topic } = stage;
    await Promise.all(instances.map((instance) => instance.start()));
    const gateway = new Gateway(instances);
    const members = await createMembers(gateway, 100);
    const load = new SteadyLoad(REQUESTS_PER_SECOND, (n) => {
      const { token } = members[n % members.length]!;
      const call = { operation: 'write', method: 'PUT' as const, path: '/users/profile', token, body: { bio: `${n}` } };
      return gateway.once(call, n % 2);
    });
    load.start();
    await sleep(5000);
    load.next();
    log('measuring with Kafka');
    await sleep(CALM_MS);
    const before = load.next();
    await servers.kafka.kill();
    log(`Kafka is down for ${minutes} minutes`);
    await sleep(minutes * 60_000);
    const backlog = await waitingEvents(direct.postgres);
    const during = load.next();
    await servers.kafka.start();
    log(`Kafka answers again, ${backlog} events wait`);
    const back = performance.now();
    while ((await waitingEvents(direct.postgres)) > REQUESTS_PER_SECOND / 5) await sleep(20);
    const drainMs = performance.now() - back;
    log(`drained after ${round(drainMs / 1000)} s`);
    const draining = load.next();
    await sleep(CALM_MS);
    const after = load.next();
    await load.stop();
    while ((await waitingEvents(direct.postgres)) > 0) await sleep(50);
    const { outbox } = await readRows(direct.postgres);
    const events = checkEvents(outbox, await readTopics(direct.kafka, topic));
    gateway.close();
    const phases = {
      before: before.summary(),
      during: during.summary(),
      draining: draining.summary(),
      after: after.summary(),
    };
    const counts = {
      backlog,
      drainSeconds: round(drainMs / 1000),
      events: events.events,
      lost: events.lost.length,
      reordered: events.reordered.length,
      duplicated: events.duplicated,
    };
    const failures = Object.values(phases).reduce((sum, { failed }) => sum + failed, 0);
    return {
      text: `Kafka down for ${minutes} minutes under ${REQUESTS_PER_SECOND} writes a second\n${phaseTable(phases)}\n${JSON.stringify(counts)}`,
      data: { minutes, phases, ...counts },
      failed: failures + counts.lost + counts.reordered > 0,
    };
  },
};
