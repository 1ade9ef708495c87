import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, Partitioners } from 'kafkajs';
import type { Settings } from '../../src/config/settings.js';
import { PendingEvent, toMessage } from '../../src/events/event-message.js';
import { BATCH_ROWS } from '../../src/events/outbox-processor.js';
import { median } from '../lib/quantiles.js';
import { kafkaOf, startHere, withTopic } from '../lib/in-process.js';
import { type RowDefinition, rowOfRatios } from '../lib/row.js';
import type { Stage } from '../lib/stage.js';

const EVENT_ROWS = 100_000;
const PAIR_ATTEMPTS = 3;
const MIN_RATIO = 0.5;

/** Events per second of a kafkajs producer with batches of the relay's size, without the first batch. */
async function kafkajsRate(kafka: Kafka, { kafka: { topic } }: Settings): Promise<number> {
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const batches = Array.from({ length: EVENT_ROWS / BATCH_ROWS }, () =>
    Array.from({ length: BATCH_ROWS }, () => {
      const ids = { id: '1', event_id: randomUUID(), user_id: randomUUID() };
      const said = { payload: '{"updated_fields": ["bio", "location"]}', timestamp: new Date().toISOString() };
      return { ...ids, ...said, event_type: 'user.updated', traceparent: null } as PendingEvent;
    }),
  );
  let started = 0;
  for (const [n, batch] of batches.entries()) {
    if (n === 1) started = performance.now();
    await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: batch.map(toMessage) }] });
  }
  const seconds = (performance.now() - started) / 1000;
  await producer.disconnect();
  return (EVENT_ROWS - BATCH_ROWS) / seconds;
}

/** Events per second by their times in the table, between the first and the last batch. */
async function relayRate(stage: Stage): Promise<number> {
  const settings = await withTopic(stage);
  await stage.query('TRUNCATE outbox_events');
  await stage.query(
    `INSERT INTO outbox_events (user_id, event_type, payload)
     SELECT gen_random_uuid(), 'user.updated', '{"updated_fields": ["bio", "location"]}' FROM generate_series(1, $1)`,
    [EVENT_ROWS],
  );
  await stage.query('VACUUM ANALYZE outbox_events');
  const app = await startHere(settings);
  for (let pending = EVENT_ROWS; pending > 0; await sleep(200))
    [{ pending }] = await stage.query<{ pending: number }>(
      'SELECT count(*)::int AS pending FROM outbox_events WHERE published_at IS NULL',
    );
  await app.close();
  const [found] = await stage.query<{ rate: number }>(
    `WITH batches AS (SELECT published_at, count(*) AS events FROM outbox_events GROUP BY 1)
     SELECT (SELECT sum(events) FROM batches WHERE published_at > (SELECT min(published_at) FROM batches))::float8
            / extract(epoch FROM max(published_at) - min(published_at))::float8 AS rate FROM batches`,
  );
  return found!.rate;
}

/** How fast the relay drains a backlog, compared with kafkajs alone. */
export const relay: RowDefinition[] = [
  {
    id: 'relay',
    run: async (stage) => {
      const pairs: { own: number; reference: number }[] = [];
      for (let pair = 0; pair < PAIR_ATTEMPTS; pair += 1) {
        const own = await relayRate(stage);
        const reference = await kafkajsRate(kafkaOf(stage), await withTopic(stage));
        pairs.push({ own, reference });
      }
      await stage.query('TRUNCATE outbox_events');
      const ratios = pairs.map(({ own, reference }) => own / reference);
      const [own, reference] = (['own', 'reference'] as const).map((side) =>
        median(pairs.map((pair) => pair[side])).toFixed(0),
      );
      const name = `relay from a backlog of ${EVENT_ROWS.toLocaleString('en')} ÷ kafkajs`;
      return [rowOfRatios(name, ratios, MIN_RATIO, `${own} against ${reference} events/s`)];
    },
  },
];
