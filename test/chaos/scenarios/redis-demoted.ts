import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from '../../../scripts/services/redis.js';
import { Gateway } from '../gateway.js';
import { phaseTable } from './load.js';
import { MixedLoad } from './mixed-load.js';
import type { Scenario } from './scenario.js';

/** Requests a second, half of them changes. */
const REQUESTS_PER_SECOND = 100;
const RECOVERY_LIMIT_MS = 30_000;

/**
 * The host name of Redis moves to another server, the new primary, while the old one becomes its replica and
 * keeps its connections. Measures errors, refused commands and the time until the first write to the new one.
 */
export const redisDemoted: Scenario = {
  minutes: 0.5,
  async run(stage, { minutes, log }) {
    const { instances, proxies, direct } = stage;
    const successor = await startRedis({ log });
    const [one, two] = [new Redis(direct.redis), new Redis(successor.url)];
    try {
      await two.replicaof(...placeOf(direct.redis));
      while (!(await two.info('replication')).includes('master_link_status:up')) await sleep(50);
      await Promise.all(instances.map((instance) => instance.start()));
      const gateway = new Gateway(instances);
      const mixed = await MixedLoad.create(gateway, REQUESTS_PER_SECOND);
      const { load, probes } = mixed;
      load.start();
      await sleep(5000);
      load.next();
      await sleep(minutes * 30_000);
      const before = load.next();
      await one.config('RESETSTAT');
      await two.replicaof('NO', 'ONE');
      for (const proxy of proxies.redis) proxy.moveTo(successor.url);
      await one.replicaof(...placeOf(successor.url));
      const since = performance.now();
      log('the primary is another server now');
      const keys = probes.map(({ id }) => `user:profile:${id}`);
      await two.del(keys);
      const recoveryMs = await Promise.all(
        instances.map((_, n) =>
          mixed.recovery(n, since, RECOVERY_LIMIT_MS, async () => (await two.exists(keys[n]!)) > 0),
        ),
      );
      log(`written to after ${recoveryMs.join(' and ')} ms`);
      const recovering = load.next();
      const refused = /errorstat_READONLY:count=(\d+)/.exec(await one.info('errorstats'))?.[1] ?? '0';
      await sleep(minutes * 60_000);
      const later = /errorstat_READONLY:count=(\d+)/.exec(await one.info('errorstats'))?.[1] ?? '0';
      const after = load.next();
      await load.stop();
      gateway.close();
      const phases = { before: before.summary(), recovering: recovering.summary(), after: after.summary() };
      const unexpected = Object.fromEntries(mixed.unexpected);
      return {
        text: [
          `Redis demoted behind one name under ${REQUESTS_PER_SECOND} requests a second`,
          phaseTable(phases),
          `the new primary is written to after ${recoveryMs.join(' and ')} ms`,
          `commands that the old one refused: ${refused}, later ${Number(later) - Number(refused)}`,
          `unexpected: ${JSON.stringify(unexpected)}`,
        ].join('\n'),
        data: {
          minutes,
          phases,
          recoveryMs,
          refused: Number(refused),
          refusedLater: Number(later) - Number(refused),
          unexpected,
        },
        failed: mixed.unexpected.size > 0 || recoveryMs.includes(Infinity) || later !== refused,
      };
    } finally {
      for (const client of [one, two]) client.disconnect();
      await successor.stop();
    }
  },
};

function placeOf(url: string): [host: string, port: string] {
  const { hostname, port } = new URL(url);
  return [hostname, port];
}
