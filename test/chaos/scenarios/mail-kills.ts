import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { MailServer } from '../../support/mail-server.js';
import { Gateway } from '../gateway.js';
import type { Instance } from '../instance.js';
import { SteadyLoad } from './load.js';
import type { Scenario } from './scenario.js';

/** Requests a second, each of which queues a mail. */
const REQUESTS_PER_SECOND = 20;
/** Between the start of an instance and its kill. */
const MAX_LIFE_MS = 800;
/** Longer than the lease of a mail whose sender was killed. */
const MAX_DRAIN_MS = 300_000;

const addressOf = (n: number) => `m${n}@chaos.example`;

/** Kills instances (SIGKILL) while they queue and send mails to a real SMTP server: each mail that was promised arrives. */
export const mailKills: Scenario = {
  minutes: 4,
  async run(stage, { minutes, log }) {
    const { instances, direct } = stage;
    const server = await MailServer.start();
    for (const { env } of instances) Object.assign(env, { SMTP_URL: server.url });
    await Promise.all(instances.map((instance) => instance.start()));
    const database = new Client({ connectionString: direct.postgres });
    database.on('error', (error) => log(error.message));
    await database.connect();
    await database.query(
      `INSERT INTO users (email, name, is_verified, email_verified_at)
       SELECT 'm' || n || '@chaos.example', 'Member', true, now() FROM generate_series(0, $1::int) AS n`,
      [REQUESTS_PER_SECOND * 60 * (minutes + 1)],
    );
    const gateway = new Gateway(instances);
    const promised: string[] = [];
    const load = new SteadyLoad(REQUESTS_PER_SECOND, async (n) => {
      const body = { email: addressOf(n) };
      const call = { operation: 'forgot', method: 'POST' as const, path: '/auth/password/forgot', body };
      const attempt = await gateway.once(call, n % instances.length);
      if (attempt.outcome === 202) promised.push(body.email);
      return attempt;
    });
    load.start();
    let kills = 0;
    const end = performance.now() + minutes * 60_000;
    const disturb = async (instance: Instance) => {
      while (performance.now() < end) {
        await sleep(Math.random() * MAX_LIFE_MS);
        await instance.kill();
        kills += 1;
        await instance.start();
      }
    };
    await Promise.all(instances.map(disturb));
    await load.stop();
    log(`${kills} kills, ${promised.length} mails promised; waiting for the last ones`);
    const left = async () =>
      (await database.query<{ n: number }>('SELECT count(*)::int AS n FROM mail_queue')).rows[0]!.n;
    const tooLate = performance.now() + MAX_DRAIN_MS;
    while ((await left()) > 0 && performance.now() < tooLate) await sleep(500);
    await database.end();
    gateway.close();
    await server.stop();
    const copies = new Map<string, number>();
    for (const { mail } of server.deliveries) copies.set(mail.messageId!, (copies.get(mail.messageId!) ?? 0) + 1);
    const arrived = new Set(server.deliveries.flatMap(({ recipients }) => recipients));
    const lost = promised.filter((address) => !arrived.has(address)).length;
    const doubled = [...copies.values()].filter((count) => count > 1).length;
    const counts = { kills, promised: promised.length, mails: copies.size, lost, doubled };
    return {
      text: `Instances killed while mails are queued, each copy of a mail with the same Message-ID\n${JSON.stringify(counts)}`,
      data: counts,
      failed: lost > 0 || promised.length === 0,
    };
  },
};
