import { randomUUID } from 'node:crypto';
import type { Kafka } from 'kafkajs';
import { testKafka } from '../../support/kafka.js';

export interface TopicMessage {
  partition: number;
  offset: number;
  key: string;
  event_id: string;
  event_type: string;
  user_id: string;
  updated_fields: string[];
  /** From the topic of security events. */
  security: boolean;
}

/** Milliseconds. */
const MAX_WAIT_MS = 60_000;

export const securityTopicOf = (topic: string) => `${topic}.security`;

/** Both topics from their first message to their last. */
export async function readTopics(brokers: string, topic: string): Promise<TopicMessage[]> {
  return [...(await readTopic(brokers, topic)), ...(await readTopic(brokers, securityTopicOf(topic)))];
}

/** Reads the whole topic with a new consumer, in order per partition. */
async function readTopic(brokers: string, topic: string): Promise<TopicMessage[]> {
  const kafka = testKafka(brokers.split(','));
  const missing = await ends(kafka, topic);
  const messages: TopicMessage[] = [];
  if (missing.size === 0) return messages;
  const consumer = kafka.consumer({ groupId: `chaos.${randomUUID()}`, maxWaitTimeInMs: 50 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the topic could not be read to its end')), MAX_WAIT_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(error);
      };
      const eachMessage = async ({ partition, message }: { partition: number; message: Record<string, unknown> }) => {
        const value = JSON.parse(String(message.value));
        const offset = Number(message.offset);
        const { sub_id, jti } = value;
        const token = sub_id && {
          event_id: jti,
          event_type: String((message.headers as Record<string, unknown>).event_type),
          user_id: (sub_id.user ?? sub_id).sub,
        };
        const place = { partition, offset, key: String(message.key), security: sub_id !== undefined };
        messages.push({ updated_fields: [], ...value, ...token, ...place });
        if (offset >= (missing.get(partition) ?? Infinity)) missing.delete(partition);
        if (missing.size === 0) done();
      };
      consumer.run({ eachMessage: eachMessage as never }).catch(fail);
    });
  } finally {
    await consumer.disconnect();
  }
  return messages.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

/** Offset of the last message of each partition that has one. */
async function ends(kafka: Kafka, topic: string): Promise<Map<number, number>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    if (!(await admin.listTopics()).includes(topic)) return new Map();
    const offsets = await admin.fetchTopicOffsets(topic);
    const filled = offsets.filter(({ high, low }) => Number(high) > Number(low));
    return new Map(filled.map(({ partition, high }) => [partition, Number(high) - 1]));
  } finally {
    await admin.disconnect();
  }
}
