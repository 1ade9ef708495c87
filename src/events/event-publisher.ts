import type { ClientKafka } from '@nestjs/microservices';
import type { Admin, Message, Producer } from 'kafkajs';
import type { Logger } from '../common/logging/logger.js';
import { publishChannel } from '../common/logging/trace-channels.js';
import type { Settings } from '../config/settings.js';
import { PendingEvent, toMessage } from './event-message.js';
import { BROKER_TIMEOUT_MS, FencedSockets, kafkaConfig, loadKafkajs, nameKafka } from './kafka.js';
import { checkRetention, createTopic } from './kafka-topics.js';
import { PartitionAckTracker } from './partition-ack-tracker.js';

/** Errors of the broker about the event itself; all others are about the broker's state, and pass. */
const NON_RETRIABLE_ERRORS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
  'INVALID_TIMESTAMP',
]);

/** Characters of the values in one request; the broker drops the connection of a larger one. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const CLOSE_TIMEOUT_MS = 1000;

interface Item {
  event: PendingEvent;
  message: Message;
}

/** Events that are in neither list were not acknowledged. */
export interface PublishResult {
  published: PendingEvent[];
  parked: { event: PendingEvent; reason: string }[];
  /** Why the broker took no more, if it did not take all. */
  error: Error | null;
}

/** The type of a non-retriable error anywhere in the chain of causes, or null. */
function findRefusal(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { type } = cause as Error & { type?: string };
    if (type !== undefined && NON_RETRIABLE_ERRORS.has(type)) return type;
  }
  return null;
}

/**
 * Sends events to the broker through Nest's Kafka client and an idempotent producer. After any failure the producer is
 * discarded: kafkajs rolls its sequence numbers back for a whole request although some partitions may have been written, and
 * the broker would drop the next messages under those numbers as duplicates.
 */
export class EventPublisher {
  private client: ClientKafka | null = null;
  private sockets: FencedSockets | null = null;
  private topicWarned = false;
  private readonly acknowledgements = new PartitionAckTracker();

  /** @param fence called before every byte that is sent; false once this process may no longer be the relay */
  constructor(
    private readonly settings: Settings,
    private readonly logger: Logger,
    private readonly fence: () => boolean,
  ) {}

  /**
   * Publishes events in their order. Never rejects. A request that the broker refuses is halved until the event at fault is
   * alone; that one is parked, and later events of its user and topic are skipped.
   */
  async publish(events: PendingEvent[]): Promise<PublishResult> {
    const result: PublishResult = { published: [], parked: [], error: null };
    const parkedUsers = new Set<string>();
    const scopeOf = ({ security, user_id }: PendingEvent) => `${security} ${user_id}`;
    const park = (event: PendingEvent, reason: string) => {
      result.parked.push({ event, reason });
      parkedUsers.add(scopeOf(event));
    };
    const requests = this.compose(events, park);
    for (let request = requests.shift(); request && !result.error; request = requests.shift()) {
      const items = request.filter(({ event }) => !parkedUsers.has(scopeOf(event)));
      if (items.length === 0) continue;
      try {
        await this.send(items);
        result.published.push(...items.map(({ event }) => event));
      } catch (error) {
        const refusal = findRefusal(error);
        const middle = Math.ceil(items.length / 2);
        if (refusal === null) result.error = error as Error;
        else if (middle < items.length) requests.unshift(items.slice(0, middle), items.slice(middle));
        else park(items[0]!.event, refusal);
      }
    }
    return result;
  }

  /** Drops the connections to the brokers, with everything in flight. */
  abort(): void {
    this.sockets?.destroy();
    void this.client?.close().catch(() => undefined);
    this.client = null;
    this.sockets = null;
  }

  async close(): Promise<void> {
    const { client } = this;
    const timer = setTimeout(() => this.abort(), CLOSE_TIMEOUT_MS);
    await client?.close().catch(() => undefined);
    clearTimeout(timer);
    this.abort();
  }

  /** The messages in their order, in requests of bounded size. */
  private compose(events: PendingEvent[], park: (event: PendingEvent, reason: string) => void): Item[][] {
    const requests: Item[][] = [[]];
    let size = 0;
    for (const event of events) {
      try {
        const message = toMessage(event);
        size += message.value!.length;
        if (size > MAX_REQUEST_BYTES) {
          requests.push([]);
          size = message.value!.length;
        }
        requests.at(-1)!.push({ event, message });
      } catch (error) {
        park(event, String(error));
      }
    }
    return requests;
  }

  private async send(items: Item[]): Promise<void> {
    const { topic, securityTopic } = this.settings.kafka;
    const messagesOf = (security: boolean) =>
      items.filter(({ event }) => event.security === security).map(({ message }) => message);
    const topicMessages = [
      { topic: securityTopic, messages: messagesOf(true) },
      { topic, messages: messagesOf(false) },
    ].filter(({ messages }) => messages.length > 0);
    try {
      const producer = await this.connect();
      this.acknowledgements.reset();
      const written = await publishChannel.tracePromise(
        () => producer.sendBatch({ acks: -1, timeout: BROKER_TIMEOUT_MS, topicMessages }),
        {
          items: items.map(({ event: { security, traceparent }, message }) => {
            return { topic: security ? securityTopic : topic, traceparent, message };
          }),
        },
      );
      this.acknowledgements.requireComplete(written);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  private async connect(): Promise<Producer> {
    if (this.client) return this.client.producer;
    const [nest, { Partitioners }] = await Promise.all([import('@nestjs/microservices'), loadKafkajs()]);
    const sockets: FencedSockets = new FencedSockets(() => this.sockets === sockets && this.fence());
    this.sockets = sockets;
    const client = new nest.ClientKafka({
      client: { ...kafkaConfig(this.settings), socketFactory: sockets.factory },
      producerOnlyMode: true,
      producer: {
        idempotent: true,
        maxInFlightRequests: 1,
        // murmur2 of the key, as the Java client chooses.
        createPartitioner: this.acknowledgements.watch(Partitioners.DefaultPartitioner),
      },
    });
    this.client = client;
    await client.connect().catch((error: Error) => {
      throw nameKafka(this.settings, error);
    });
    await this.createTopics(client);
    return client.producer;
  }

  /** A failure is only logged: the topics may exist already, or the broker may create them. */
  private async createTopics(client: ClientKafka): Promise<void> {
    const { topic, securityTopic, topicPartitions: numPartitions, topicReplication } = this.settings.kafka;
    const shape = { numPartitions, replicationFactor: topicReplication };
    const admin = client.unwrap<{ admin(): Admin }>().admin();
    try {
      await admin.connect();
      // One call each: an error about one topic says nothing of the other.
      await createTopic(admin, { topic, ...shape });
      await createTopic(admin, { topic: securityTopic, ...shape });
      await checkRetention(admin, this.settings, this.logger);
    } catch (error) {
      if (!this.topicWarned)
        this.logger.warn({ err: error, topic }, 'the topic was not created, or the broker does not know it yet');
      this.topicWarned = true;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
