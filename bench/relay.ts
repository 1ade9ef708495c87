import 'reflect-metadata';
import { randomBytes, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { DataSource } from 'typeorm';
import { createApp } from '../src/app.js';
import { afterCommit, runInTransaction } from '../src/common/after-commit.js';
import type { Settings } from '../src/config/settings.js';
import { PendingEvent, toMessage } from '../src/events/event-message.js';
import { BATCH } from '../src/events/outbox-queue.js';
import { OutboxService } from '../src/events/outbox.service.js';
import { userUpdated } from '../src/events/user-events.js';
import { UsersService } from '../src/users/users.service.js';
import { createStage } from './lib/stage.js';

/**
 * The relay by itself: how fast it drains a backlog, against kafkajs sending the same batches and doing nothing else; and how
 * long an event is on its way from the commit to a consumer, the relay running in another instance than the writers.
 */
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '20' },
  },
});
const [EVENTS, ROUNDS, RATE, SECONDS] = [values.events, values.rounds, values.rate, values.seconds].map(Number) as [
  number,
  number,
  number,
  number,
];
const PARTITIONS = 6;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

const stage = await createStage((line) => console.error(line));
const kafka = new Kafka({ brokers: stage.settings.kafka.brokers, logLevel: logLevel.NOTHING });

async function withTopic(): Promise<Settings> {
  const topic = `bench.${randomBytes(4).toString('hex')}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await admin.disconnect();
  const logging = { ...stage.settings.logging, level: 'error' as const };
  return { ...stage.settings, logging, kafka: { ...stage.settings.kafka, topic } };
}

async function start(settings: Settings): Promise<NestFastifyApplication> {
  const app = await createApp(settings);
  await app.init();
  return app;
}

/** Events a second that one producer of kafkajs sends in batches of the relay's size, of which the first is not counted. */
async function kafkajsRate(settings: Settings): Promise<number> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const batches = Array.from({ length: EVENTS / BATCH }, () =>
    Array.from({ length: BATCH }, () => {
      const ids = { id: '1', event_id: randomUUID(), user_id: randomUUID() };
      const said = { payload: '{"updated_fields": ["bio", "location"]}', timestamp: new Date().toISOString() };
      return { ...ids, ...said, event_type: 'user.updated', traceparent: null } as PendingEvent;
    }),
  );
  let started = 0;
  for (const [n, batch] of batches.entries()) {
    if (n === 1) started = performance.now();
    await producer.sendBatch({
      acks: -1,
      topicMessages: [{ topic: settings.kafka.topic, messages: batch.map(toMessage) }],
    });
  }
  const seconds = (performance.now() - started) / 1000;
  await producer.disconnect();
  return (EVENTS - BATCH) / seconds;
}

/** Events a second from the marks in the table, between the first batch and the last. */
async function relayRate(settings: Settings, database: DataSource): Promise<number> {
  await database.query('TRUNCATE outbox_events');
  await database.query('SET statement_timeout = 0');
  await database.query(
    `INSERT INTO outbox_events (user_id, event_type, payload)
     SELECT gen_random_uuid(), 'user.updated', '{"updated_fields": ["bio", "location"]}' FROM generate_series(1, $1)`,
    [EVENTS],
  );
  await database.query('VACUUM ANALYZE outbox_events');
  const app = await start(settings);
  for (let pending = EVENTS; pending > 0; await sleep(200))
    [{ pending }] = await database.query(
      'SELECT count(*)::int AS pending FROM outbox_events WHERE published_at IS NULL',
    );
  await app.close();
  const [{ rate }] = await database.query<[{ rate: number }]>(
    `WITH batches AS (SELECT published_at, count(*) AS events FROM outbox_events GROUP BY 1)
     SELECT (SELECT sum(events) FROM batches WHERE published_at > (SELECT min(published_at) FROM batches))::float8
            / extract(epoch FROM max(published_at) - min(published_at))::float8 AS rate FROM batches`,
  );
  return rate;
}

/** Milliseconds from the commit to the consumer, at a steady rate of changes. */
async function latency(settings: Settings): Promise<number[]> {
  const relay = await start(settings);
  await sleep(3000);
  const writer = await start(settings);
  const [users, outbox, database] = [writer.get(UsersService), writer.get(OutboxService), writer.get(DataSource)];
  const committed = new Map<string, number[]>();
  const waits: number[] = [];
  const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 50 });
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
  return waits.toSorted((a, b) => a - b);
}

try {
  const database = new DataSource({ type: 'postgres', url: stage.settings.database.url!, poolSize: 1 });
  await database.initialize();
  const pairs: { own: number; reference: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const reference = await kafkajsRate(await withTopic());
    const own = await relayRate(await withTopic(), database);
    pairs.push({ own, reference });
    console.log(
      `relay ${Math.round(own)}/s, kafkajs ${Math.round(reference)}/s, ratio ${(own / reference).toFixed(2)}`,
    );
  }
  console.log(`median ratio ${median(pairs.map(({ own, reference }) => own / reference)).toFixed(2)}`);
  await database.query('TRUNCATE outbox_events');
  const waits = await latency(await withTopic());
  const at = (share: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]!.toFixed(1);
  console.log(
    `commit to consumer at ${RATE}/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms (${waits.length})`,
  );
  await database.destroy();
} finally {
  await stage.stop();
}
process.exit();
