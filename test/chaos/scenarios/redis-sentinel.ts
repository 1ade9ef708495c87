import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Guarded, runGuarded } from '../../../scripts/services/guard.js';
import { startRedis } from '../../../scripts/services/redis.js';
import { freePorts } from '../../../scripts/services/tools.js';
import { measureFailover } from './failover.js';
import type { Scenario } from './scenario.js';

const RECOVERY_LIMIT_MS = 30_000;
/** Until the Sentinels know the replica and each other. */
const START_LIMIT_MS = 30_000;

/** The primary of Redis is killed; three Sentinels make its replica the primary, and tell the service. */
export const redisSentinel: Scenario = {
  minutes: 0.25,
  async run(stage, { minutes, log }) {
    const { instances, servers, direct } = stage;
    const replica = await startRedis({ log });
    const client = new Redis(replica.url);
    const sentinels: Guarded[] = [];
    try {
      const { hostname, port } = new URL(direct.redis);
      await client.replicaof(hostname, port);
      while (!(await client.info('replication')).includes('master_link_status:up')) await sleep(50);
      const ports = await freePorts(...Array.from({ length: 3 }, () => 0));
      sentinels.push(...ports.map((own) => startSentinel(own, hostname, port)));
      await Promise.all(ports.map(untilReady));
      for (const { env } of instances) env.REDIS_SENTINELS = ports.map((own) => `127.0.0.1:${own}`).join(',');
      await Promise.all(instances.map((instance) => instance.start()));
      return await measureFailover(stage, {
        title: 'Redis: the primary is killed, and three Sentinels make its replica the primary',
        minutes,
        expected: { read: [], write: [] },
        targets: instances,
        database: () => direct.postgres,
        work: async (mixed) => {
          const since = performance.now();
          await servers.redis.kill();
          while (!(await client.info('replication')).includes('role:master')) await sleep(10);
          const promotedMs = Math.round(performance.now() - since);
          log(`the replica is the primary after ${promotedMs} ms`);
          const keys = mixed.probes.map(({ id }) => `user:profile:${id}`);
          await client.del(keys);
          const redisWritesAfterMs = await Promise.all(
            instances.map((_, n) =>
              mixed.recovery(n, since, RECOVERY_LIMIT_MS, async () => (await client.exists(keys[n]!)) > 0),
            ),
          );
          if (redisWritesAfterMs.includes(Infinity)) throw new Error('the new primary of Redis is not used');
          return { promotedMs, redisWritesAfterMs };
        },
      });
    } finally {
      await Promise.all(instances.map((instance) => instance.kill()));
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
      client.disconnect();
      await replica.stop();
    }
  },
};

/** @param port its own; it keeps its state in its configuration file */
function startSentinel(port: number, host: string, redisPort: string): Guarded {
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-sentinel-'));
  const file = path.join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor mymaster ${host} ${redisPort} 2`,
    'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 5000',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return runGuarded(['redis-server', file, '--sentinel'], { folder });
}

async function untilReady(port: number): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port });
  client.on('error', () => undefined);
  try {
    for (const end = performance.now() + START_LIMIT_MS; performance.now() < end; await sleep(100)) {
      const [state = ''] = ((await client.call('SENTINEL', 'MASTERS')) as string[][]).map((master) => master.join(' '));
      if (/num-slaves 1 num-other-sentinels 2/.test(state)) return;
    }
    throw new Error('the Sentinels did not find each other');
  } finally {
    client.disconnect();
  }
}
