import { setTimeout as sleep } from 'node:timers/promises';
import { makeReadOnly, makeWritable, runWritable } from '../../support/read-only.js';
import { readRows, waitingEvents } from '../checks/database.js';
import { checkEvents } from '../checks/events.js';
import { readTopics } from '../checks/topic.js';
import { Gateway } from '../gateway.js';
import type { Instance } from '../instance.js';
import { phaseTable, type Summary } from './load.js';
import { MixedLoad } from './mixed-load.js';
import type { Scenario } from './scenario.js';

/** Requests a second, half of them changes. */
const REQUESTS_PER_SECOND = 60;
const CALM_MS = 10_000;
const RECOVERY_LIMIT_MS = 30_000;
/** Changes at each instance once the first one has gone through, more than its pool has connections. */
const CHECK_ATTEMPTS = 40;

const UNAVAILABLE = { read: [], write: [503] };

/**
 * PostgreSQL becomes read-only and writable again: first by a setting of the server, which affects existing
 * connections, then by a default of the database, which a connection keeps for its lifetime.
 */
export const postgresReadonly: Scenario = {
  minutes: 0.5,
  async run(stage, { minutes, log }) {
    const { instances, direct, topic } = stage;
    await Promise.all(instances.map((instance) => instance.start()));
    const gateway = new Gateway(instances);
    const mixed = await MixedLoad.create(gateway, REQUESTS_PER_SECOND);
    const { load } = mixed;
    const phases: Record<string, Summary> = {};
    const recoveries: Record<string, { firstMs: number[]; refusedAfterwards: number }> = {};

    const during = async (name: string, expected: MixedLoad['expected'], work: () => Promise<void>) => {
      mixed.expected = expected;
      load.next();
      await work();
      phases[name] = load.next().summary();
    };
    const recover = async (name: string, restore: () => Promise<void>) => {
      await restore();
      const since = performance.now();
      const works = async ({ outcome }: { outcome: unknown }) => outcome === 200;
      const firstMs = await Promise.all(instances.map((_, n) => mixed.recovery(n, since, RECOVERY_LIMIT_MS, works)));
      const checks = await Promise.all(
        instances.flatMap((_, n) => Array.from({ length: CHECK_ATTEMPTS }, () => mixed.write(n))),
      );
      recoveries[name] = { firstMs, refusedAfterwards: checks.filter(({ outcome }) => outcome !== 200).length };
      log(`${name}: writes work again after ${firstMs.join(' and ')} ms`);
    };

    load.start();
    await sleep(5000);
    await during('before', { read: [], write: [] }, () => sleep(CALM_MS));
    await runWritable(
      direct.postgres,
      'ALTER SYSTEM SET default_transaction_read_only = on',
      'SELECT pg_reload_conf()',
    );
    log('the server is read-only');
    const states: string[] = [];
    await during('server read-only', UNAVAILABLE, async () => {
      await sleep(minutes * 60_000);
      states.push(...(await Promise.all(instances.map(stateOf))));
    });
    await during('recovering', UNAVAILABLE, () =>
      recover('server', () =>
        runWritable(direct.postgres, 'ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()'),
      ),
    );
    await during('between', { read: [], write: [] }, () => sleep(CALM_MS));
    // Closing the connections is not part of the fault.
    await during('connections end', { read: [503], write: [503] }, async () => {
      await makeReadOnly(direct.postgres);
      await sleep(2000);
    });
    log('the database is read-only, and so is every connection');
    await during('database read-only', UNAVAILABLE, () => sleep(minutes * 60_000));
    await during('recovering again', UNAVAILABLE, () => recover('database', () => makeWritable(direct.postgres)));
    await during('after', { read: [], write: [] }, () => sleep(CALM_MS));
    await load.stop();
    for (const end = performance.now() + RECOVERY_LIMIT_MS; (await waitingEvents(direct.postgres)) > 0; await sleep(50))
      if (performance.now() > end) break;
    const { outbox } = await readRows(direct.postgres);
    const { events, lost, reordered, duplicated } = checkEvents(outbox, await readTopics(direct.kafka, topic));
    gateway.close();
    const unexpected = Object.fromEntries(mixed.unexpected);
    const counts = { events, lost: lost.length, reordered: reordered.length, duplicated };
    const late = Object.values(recoveries).some(
      ({ firstMs, refusedAfterwards }) => firstMs.includes(Infinity) || refusedAfterwards > 0,
    );
    const wrongState = states.some((state) => state !== 'degraded read_only 200');
    return {
      text: [
        `PostgreSQL read-only for ${minutes * 60} s, twice, under ${REQUESTS_PER_SECOND} requests a second`,
        phaseTable(phases),
        `writes work again: ${JSON.stringify(recoveries)}`,
        `reports while read-only: ${states.join(', ')}`,
        `unexpected: ${JSON.stringify(unexpected)}, events: ${JSON.stringify(counts)}`,
      ].join('\n'),
      data: { minutes, phases, recoveries, states, unexpected, ...counts },
      failed: mixed.unexpected.size + counts.lost + counts.reordered > 0 || late || wrongState,
    };
  },
};

/** Status, word for the database, and the status of the readiness probe. */
async function stateOf({ url }: Instance): Promise<string> {
  const { status, dependencies } = (await fetch(`${url}/health`).then((answer) => answer.json())) as {
    status: string;
    dependencies: { database: string };
  };
  const ready = await fetch(`${url}/ready`);
  return `${status} ${dependencies.database} ${ready.status}`;
}
