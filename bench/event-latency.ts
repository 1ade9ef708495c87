import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../src/config/settings.js';
import { userUpdated } from '../src/events/user-events.js';
import { numberOption, withDefault } from '../scripts/lib/arguments.js';
import { prepareBench } from './lib/arguments.js';
import { quantile } from './lib/quantiles.js';
import { kafkaOf, startHere, withTopic } from './lib/in-process.js';
import { createStage } from './lib/stage.js';

const { rate: RATE, seconds: SECONDS } = prepareBench({
  call: 'npm run bench:event-latency --',
  does: 'how long an event takes from the commit to a consumer, the relay in another instance than the writers',
  options: {
    rate: withDefault(numberOption('changes a second', 1, 5000), 300),
    seconds: withDefault(numberOption('length', 1, 600), 20),
  },
});

// Loaded later, so that `--help` does not wait for them.
const { DataSource } = await import('typeorm');
const { afterCommit, runInTransaction } = await import('../src/database/transaction.js');
const { OutboxService } = await import('../src/events/outbox.service.js');
const { UsersService } = await import('../src/users/users.service.js');
const stage = await createStage((line) => console.error(line));

/** Latency from commit to consumer in milliseconds, at a steady rate of changes. */
async function latency(settings: Settings): Promise<number[]> {
  const relay = await startHere(settings);
  await sleep(3000);
  const writer = await startHere(settings);
  const [users, outbox, database] = [writer.get(UsersService), writer.get(OutboxService), writer.get(DataSource)];
  const committed = new Map<string, number[]>();
  const waits: number[] = [];
  const consumer = kafkaOf(stage).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic: settings.kafka.topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const at = committed.get(String(message.key))?.shift();
      if (at !== undefined) waits.push(performance.now() - at);
    },
  });
  const ids: string[] = await database
    .query(
      `INSERT INTO users (email, name) SELECT 'l' || n || '@example.com', 'L' FROM generate_series(1, 500) AS n RETURNING id`,
    )
    .then((rows: { id: string }[]) => rows.map(({ id }) => id));
  await sleep(1000);
  const change = (id: string) =>
    runInTransaction(database, async (tx) => {
      const user = await users.lock(tx, id);
      await users.change(tx, user, { bio: randomUUID() });
      afterCommit(tx, async () => {
        committed.set(id, [...(committed.get(id) ?? []), performance.now()]);
      });
      await outbox.add(tx, userUpdated(id, ['bio']), null);
    });
  const running: Promise<unknown>[] = [];
  const began = performance.now();
  for (let n = 0; n < RATE * SECONDS; n += 1) {
    const due = began + (n * 1000) / RATE;
    if (due > performance.now()) await sleep(due - performance.now());
    running.push(change(ids[n % ids.length]!));
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
    `commit to consumer at ${RATE}/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${waits.length})`,
  );
} finally {
  await stage.stop();
}
process.exit();
