import type { ClientKafka } from '@nestjs/microservices';
import type { Admin, Message, Producer } from 'kafkajs';
import type { Logger } from '../common/logging/logger.js';
import type { Settings } from '../config/settings.js';
import { PendingEvent, toMessage } from './event-message.js';
import { FencedSockets, kafkaConfig, nameKafka, REQUEST_TIMEOUT_MS } from './kafka.js';
import { PartitionAckTracker } from './partition-ack-tracker.js';

/** What the broker says of an event that it will never take; everything else is about its own state, and passes. */
const NON_RETRIABLE_ERRORS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
  'INVALID_TIMESTAMP',
]);

/** Characters of the values in one request; a broker drops the connection of one that is too large. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

interface Item {
  event: PendingEvent;
  message: Message;
}

/** What became of a batch; filled while it is sent, so that a failure half-way loses nothing. */
export interface Outcome {
  published: PendingEvent[];
  parked: { event: PendingEvent; reason: string }[];
}

/** The word of a refusal anywhere in the chain of causes, or null. */
function refusal(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { type } = cause as Error & { type?: string };
    if (type !== undefined && NON_RETRIABLE_ERRORS.has(type)) return type;
  }
  return null;
}

/**
 * Hands events to the broker, through Nest's client and an idempotent producer. After any failure the producer is thrown
 * away: the library takes its sequence numbers back for a whole request although some partitions may have been written, and
 * the broker would take the next, different messages under those numbers for repetitions and drop them.
 */
export class EventPublisher {
  private client: ClientKafka | null = null;
  private sockets: FencedSockets | null = null;
  private topicWarned = false;
  private readonly placements = new PartitionAckTracker();

  /** @param fence asked before every byte that leaves; false once this process may no longer be the relay */
  constructor(
    private readonly settings: Settings,
    private readonly logger: Logger,
    private readonly fence: () => boolean,
  ) {}

  /**
   * Publishes events in their order. A batch that the broker refuses is halved until the event at fault stands alone; that
   * one is parked, and later events of its user are left out of the outcome.
   * @throws Error where the broker cannot take anything just now; `outcome` then tells how far it came
   */
  async publish(events: PendingEvent[], outcome: Outcome): Promise<void> {
    const stuck = new Set<string>();
    const setAside = (event: PendingEvent, reason: string) => {
      outcome.parked.push({ event, reason });
      stuck.add(event.user_id);
    };
    const parts = this.compose(events, setAside);
    for (let part = parts.shift(); part; part = parts.shift()) {
      const items = part.filter(({ event }) => !stuck.has(event.user_id));
      if (items.length === 0) continue;
      try {
        await this.send(items.map(({ message }) => message));
        outcome.published.push(...items.map(({ event }) => event));
      } catch (error) {
        const reason = refusal(error);
        if (reason === null) throw error;
        const middle = Math.ceil(items.length / 2);
        if (middle < items.length) parts.unshift(items.slice(0, middle), items.slice(middle));
        else setAside(items[0]!.event, reason);
      }
    }
  }

  /** Lets go of the brokers without waiting for anything that is still on its way. */
  abort(): void {
    this.sockets?.destroy();
    void this.client?.close().catch(() => undefined);
    this.client = null;
    this.sockets = null;
  }

  async close(): Promise<void> {
    const { client } = this;
    const timer = setTimeout(() => this.abort(), 1000);
    await client?.close().catch(() => undefined);
    clearTimeout(timer);
    this.abort();
  }

  /** The messages in their order, in parts of bounded size. */
  private compose(events: PendingEvent[], setAside: (event: PendingEvent, reason: string) => void): Item[][] {
    const parts: Item[][] = [[]];
    let size = 0;
    for (const event of events) {
      try {
        const message = toMessage(event);
        size += message.value!.length;
        if (size > MAX_REQUEST_BYTES) {
          parts.push([]);
          size = message.value!.length;
        }
        parts.at(-1)!.push({ event, message });
      } catch (error) {
        setAside(event, String(error));
      }
    }
    return parts;
  }

  private async send(messages: Message[]): Promise<void> {
    const { topic } = this.settings.kafka;
    try {
      const producer = await this.connect();
      this.placements.begin();
      const written = await producer.sendBatch({
        acks: -1,
        timeout: REQUEST_TIMEOUT_MS - 500,
        topicMessages: [{ topic, messages }],
      });
      this.placements.requireComplete(written);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  private async connect(): Promise<Producer> {
    if (this.client) return this.client.producer;
    // With the first event: hundreds of files that would hold up every start.
    const [nest, { Partitioners }] = await Promise.all([import('@nestjs/microservices'), import('kafkajs')]);
    const sockets: FencedSockets = new FencedSockets(() => this.sockets === sockets && this.fence());
    this.sockets = sockets;
    const client = new nest.ClientKafka({
      client: { ...kafkaConfig(this.settings), socketFactory: sockets.factory },
      producerOnlyMode: true,
      producer: {
        idempotent: true,
        maxInFlightRequests: 1,
        // kafkajs's own choice of the partition: murmur2 of the key, as Java's.
        createPartitioner: this.placements.watch(Partitioners.DefaultPartitioner),
      },
    });
    this.client = client;
    await client.connect().catch((error: Error) => {
      throw nameKafka(this.settings, error);
    });
    await this.makeTopic(client);
    return client.producer;
  }

  /** Where the account may not do this, somebody else has to; the broker may also make topics by itself. */
  private async makeTopic(client: ClientKafka): Promise<void> {
    const { topic, topicPartitions: numPartitions, topicReplication: replicationFactor } = this.settings.kafka;
    const admin = client.unwrap<{ admin(): Admin }>().admin();
    try {
      await admin.connect();
      await admin.createTopics({
        topics: [{ topic, numPartitions, replicationFactor }],
        timeout: REQUEST_TIMEOUT_MS - 500,
      });
    } catch (error) {
      if (!this.topicWarned)
        this.logger.warn({ err: error, topic }, 'the topic was not created, or the broker does not know it yet');
      this.topicWarned = true;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
