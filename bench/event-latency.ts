import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../src/config/settings.js';
import { numberOption, withDefault } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { quantile } from './lib/quantiles.js';
import { kafkaOf, startHere, withTopic } from './lib/in-process.js';
import { createStage } from './lib/stage.js';

const { rate: RATE, seconds: SECONDS } = prepareBench({
  call: 'npm run bench:event-latency --',
  does: 'how long a revoked session takes from the commit to a verifier that refuses it, the relay in another instance',
  options: {
    rate: withDefault(numberOption('revocations a second', 1, 5000), 300),
    seconds: withDefault(numberOption('length', 1, 600), 20),
  },
});

// Loaded after the arguments were read, so that `--help` does not wait for them.
const { DataSource } = await import('typeorm');
const { afterCommit, runInTransaction } = await import('../src/database/transaction.js');
const { SessionsService } = await import('../src/sessions/sessions.service.js');
const stage = await createStage((line) => console.error(line));

/** Milliseconds from the commit to the verifier, at a steady rate of revocations. */
async function latency(settings: Settings): Promise<number[]> {
  const relay = await startHere(settings);
  await sleep(3000);
  const writer = await startHere(settings);
  const [service, database] = [writer.get(SessionsService), writer.get(DataSource)];
  const committed = new Map<string, number>();
  const waits: number[] = [];
  const consumer = kafkaOf(stage).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic: settings.kafka.securityTopic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const at = committed.get(JSON.parse(String(message.value)).sub_id.session?.id);
      if (at !== undefined) waits.push(performance.now() - at);
    },
  });
  const sessions: { id: string; user_id: string }[] = await database.query(
    `WITH people AS (INSERT INTO users (email, name) SELECT 'l' || n || '@example.com', 'L' FROM generate_series(1, 500) AS n RETURNING id),
          numbered AS (SELECT id, row_number() OVER () - 1 AS place FROM people)
     INSERT INTO user_sessions (user_id, refresh_token, expires_at)
     SELECT id, 'bench ' || n, now() + interval '1 day'
       FROM generate_series(1, $1::int) AS n JOIN numbered ON place = n % 500 RETURNING id, user_id`,
    [RATE * SECONDS],
  );
  await sleep(1000);
  const revoke = ({ id, user_id: userId }: { id: string; user_id: string }) =>
    runInTransaction(database, async (tx) => {
      await service.revoke(tx, id, 'logout', userId);
      afterCommit(tx, async () => {
        committed.set(id, performance.now());
      });
    });
  const running: Promise<unknown>[] = [];
  const began = performance.now();
  for (let n = 0; n < RATE * SECONDS; n += 1) {
    const due = began + (n * 1000) / RATE;
    if (due > performance.now()) await sleep(due - performance.now());
    running.push(revoke(sessions[n]!));
  }
  await Promise.all(running);
  for (const end = performance.now() + 10_000; waits.length < running.length && performance.now() < end;)
    await sleep(50);
  await consumer.disconnect();
  await writer.close();
  await relay.close();
  if (waits.length < running.length) throw new Error(`${running.length - waits.length} events did not arrive`);
  return waits;
}

try {
  const waits = await latency(await withTopic(stage));
  const at = (part: number) => quantile(waits, part).toFixed(1);
  console.log(
    `commit to a verifier that refuses at ${RATE}/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${waits.length})`,
  );
} finally {
  await stage.stop();
}
process.exit();
