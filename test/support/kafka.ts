import { randomUUID } from 'node:crypto';
import { Admin, Consumer, ITopicConfig, Kafka, logLevel } from 'kafkajs';
import { mendKafkajs } from '../../src/events/kafka.js';
import { kafkaBrokers, workerTopic } from './environment.js';
import { TcpProxy } from './tcp-proxy.js';
import { createTopic } from './topic.js';
import { until } from './until.js';

export interface Received {
  key: string;
  value: any;
  headers: Record<string, string>;
  partition: number;
  offset: number;
  /** When it arrived here, milliseconds. */
  at: number;
}

export function testKafka(brokers = kafkaBrokers()): Kafka {
  mendKafkajs();
  return new Kafka({ clientId: 'specs', brokers, logLevel: logLevel.NOTHING });
}

export async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = testKafka().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Creates the topic, by default with 3 partitions. */
export function makeTopic(topic: string, config: Partial<ITopicConfig> = {}): Promise<void> {
  return withAdmin((admin) => createTopic(admin, { numPartitions: 3, ...config, topic }));
}

/**
 * The broker behind a fault proxy; null for a configured broker. Only one spec at a time can use it, because
 * the broker advertises one fixed port.
 */
export async function kafkaProxy(): Promise<TcpProxy | null> {
  const detour = process.env.TEST_KAFKA_DETOUR;
  if (!detour) return null;
  const { advertised, target } = JSON.parse(detour) as { advertised: number; target: number };
  return TcpProxy.before(`kafka://127.0.0.1:${target}`, advertised);
}

/** A topic of its own, read from its first message on by a consumer of its own. */
export class TopicReader {
  readonly received: Received[] = [];

  private constructor(
    readonly topic: string,
    private readonly consumer: Consumer,
  ) {}

  /** Creates the topic, by default with 3 partitions, and subscribes to it. */
  static async open(config: Partial<ITopicConfig> = {}): Promise<TopicReader> {
    const topic = config.topic ?? workerTopic();
    await makeTopic(topic, config);
    const consumer = testKafka().consumer({ groupId: `specs.${randomUUID()}`, maxWaitTimeInMs: 20 });
    const reader = new TopicReader(topic, consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message, partition }) => {
        const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
        reader.received.push({
          key: String(message.key),
          value: JSON.parse(String(message.value)),
          headers: Object.fromEntries(headers),
          partition,
          offset: Number(message.offset),
          at: Date.now(),
        });
      },
    });
    return reader;
  }

  of(userId: string): Received[] {
    return this.received.filter(({ key }) => key === userId);
  }

  /** Waits for that many messages, of one user or of all. */
  async count(messages: number, userId?: string, limit = 10_000): Promise<Received[]> {
    const found = () => (userId ? this.of(userId) : this.received);
    await until(() => found().length >= messages, limit);
    return found();
  }

  async close(): Promise<void> {
    await this.consumer.disconnect();
  }
}

/** Event ids in the order of their first appearance. */
export function firstSeen(messages: Received[]): string[] {
  return [...new Set(messages.map(({ headers }) => headers.event_id!))];
}
