import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../src/config/settings.js';
import { numberOption, withDefault } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { quantile } from './lib/quantiles.js';
import { kafkaOf, startHere, withTopic } from './lib/in-process.js';
import { createStage } from './lib/stage.js';

const {
  rate: RATE,
  seconds: SECONDS,
  sessions: SESSIONS,
} = prepareBench({
  call: 'npm run bench:event-latency --',
  does: 'how long a revoked session takes from the commit to a verifier that refuses it, the relay in another instance',
  options: {
    rate: withDefault(numberOption('revocations a second', 1, 5000), 300),
    seconds: withDefault(numberOption('length', 1, 600), 20),
    sessions: withDefault(numberOption('sessions of a user, revoked in one transaction', 1, 50), 1),
  },
});

// Loaded after the arguments were read, so that `--help` does not wait for them.
const { DataSource } = await import('typeorm');
const { afterCommit, runInTransaction } = await import('../src/database/transaction.js');
const { SessionsService } = await import('../src/sessions/sessions.service.js');
const { UsersService } = await import('../src/users/users.service.js');
/** Not counted: both processes compile their code. */
const WARM_UP_MS = 5000;
/** Commits wait for the disk: enough of them at once for the highest rate. */
const WRITER_CONNECTIONS = 50;
const stage = await createStage((line) => console.error(line));

/** Milliseconds from the commit to the verifier, at a steady rate of revocations; and the rate that was reached. */
async function latency(settings: Settings): Promise<{ waits: number[]; rate: number }> {
  const { topic: KAFKA_USER_TOPIC, securityTopic: KAFKA_SECURITY_TOPIC } = settings.kafka;
  const relay = await stage.service({ values: { KAFKA_USER_TOPIC, KAFKA_SECURITY_TOPIC } });
  await sleep(3000);
  const writer = await startHere({ ...settings, database: { ...settings.database, poolSize: WRITER_CONNECTIONS } });
  const [service, users, database] = [writer.get(SessionsService), writer.get(UsersService), writer.get(DataSource)];
  const committed = new Map<string, number>();
  const waits: { at: number; ms: number }[] = [];
  const consumer = kafkaOf(stage).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic: settings.kafka.securityTopic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const at = committed.get(JSON.parse(String(message.value)).sub_id.session?.id);
      if (at !== undefined) waits.push({ at, ms: performance.now() - at });
    },
  });
  const commits = Math.ceil((RATE * SECONDS) / SESSIONS);
  const people = await stage.query<{ id: string }>(
    `INSERT INTO users (email, name) SELECT 'l' || n || '@example.com', 'L' FROM generate_series(1, $1::int) AS n RETURNING id`,
    [commits],
  );
  await stage.query(
    `INSERT INTO user_sessions (user_id, refresh_token, expires_at)
     SELECT id, 'bench ' || n || id, now() + interval '1 day' FROM users, generate_series(1, $1::int) AS n`,
    [SESSIONS],
  );
  await sleep(1000);
  const revoke = (userId: string) =>
    runInTransaction(database, async (tx) => {
      await users.lockOnly(tx, userId);
      const ids = await service.revokeAllOf(tx, userId, 'logout');
      afterCommit(tx, async () => {
        for (const id of ids) committed.set(id, performance.now());
      });
    });
  const began = performance.now();
  let next = 0;
  // A connection each: on a machine that is too slow for the rate, revocations start late instead of piling up.
  const revokeInTurn = async () => {
    for (let n = next++; n < commits; n = next++) {
      const due = began + (n * SESSIONS * 1000) / RATE;
      if (due > performance.now()) await sleep(due - performance.now());
      await revoke(people[n]!.id);
    }
  };
  await Promise.all(Array.from({ length: WRITER_CONNECTIONS }, revokeInTurn));
  const rate = committed.size / ((performance.now() - began) / 1000);
  for (const end = performance.now() + 10_000; waits.length < committed.size && performance.now() < end;)
    await sleep(50);
  await consumer.disconnect();
  await writer.close();
  await relay.stop();
  if (waits.length < committed.size) throw new Error(`${committed.size - waits.length} events did not arrive`);
  return { waits: waits.filter(({ at }) => at > began + WARM_UP_MS).map(({ ms }) => ms), rate };
}

try {
  const { waits, rate } = await latency(await withTopic(stage));
  const at = (part: number) => quantile(waits, part).toFixed(1);
  console.log(
    `commit to a verifier that refuses at ${rate.toFixed(0)}/s (asked: ${RATE}): p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${waits.length})`,
  );
} finally {
  await stage.stop();
}
process.exit();
