import { type Standby, startStandby } from '../../support/standby.js';
import { measureFailover } from './failover.js';
import type { Scenario } from './scenario.js';

const RECOVERY_LIMIT_MS = 30_000;
const UNAVAILABLE = { read: [503], write: [503] };

/** The primary of PostgreSQL is killed, and its synchronous standby promoted at once; the address names both. */
export const postgresPromoted: Scenario = {
  minutes: 0.25,
  async run(stage, { minutes, log }) {
    const { instances, proxies, servers, direct } = stage;
    const standby: Standby = await startStandby(direct.postgres);
    try {
      const { port } = new URL(standby.url);
      instances.forEach(({ env }, n) => {
        const { username, password, host, pathname } = new URL(proxies.postgres[n]!.url);
        env.DATABASE_URL = `postgresql://${username}:${password}@${host},127.0.0.1:${port}${pathname}?target_session_attrs=read-write`;
      });
      await Promise.all(instances.map((instance) => instance.start()));
      await standby.makeSynchronous();
      return await measureFailover(stage, {
        title: 'PostgreSQL: the primary is killed and its synchronous standby promoted',
        minutes,
        expected: UNAVAILABLE,
        targets: instances,
        database: () => standby.url,
        work: async (mixed) => {
          const since = performance.now();
          await servers.postgres.kill();
          await standby.promote();
          const promotedMs = Math.round(performance.now() - since);
          log(`promoted after ${promotedMs} ms`);
          const works = async ({ outcome }: { outcome: unknown }) => outcome === 200;
          const recoveryMs = await Promise.all(
            instances.map((_, n) => mixed.recovery(n, since, RECOVERY_LIMIT_MS, works)),
          );
          return { promotedMs, recoveryMs };
        },
      });
    } finally {
      await Promise.all(instances.map((instance) => instance.kill()));
      await standby.stop();
    }
  },
};
