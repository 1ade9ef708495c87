import type { Producer } from 'kafkajs';
import type { Settings } from '../config/settings.js';
import { BROKER_TIMEOUT_MS, kafkaConfig, loadKafkajs, nameKafka } from './kafka.js';
import { createTopic } from './kafka-topics.js';

/** Sends checkpoints of the audit to a topic of their own, apart from the events: neither waits for the other. */
export class CheckpointPublisher {
  private producer: Producer | undefined;

  constructor(private readonly settings: Settings) {}

  async publish(checkpoint: string): Promise<void> {
    const { topic, name } = this.settings.witness!;
    try {
      this.producer ??= await this.connect();
      const messages = [{ key: name, value: checkpoint }];
      await this.producer.send({ topic, messages, acks: -1, timeout: BROKER_TIMEOUT_MS });
    } catch (error) {
      await this.close();
      throw nameKafka(this.settings, error as Error);
    }
  }

  async close(): Promise<void> {
    await this.producer?.disconnect().catch(() => undefined);
    this.producer = undefined;
  }

  private async connect(): Promise<Producer> {
    const { Kafka, Partitioners } = await loadKafkajs();
    const kafka = new Kafka(kafkaConfig(this.settings));
    const admin = kafka.admin();
    // One partition, so that a reader sees them in order. Where the account may not create it, the topic has to be there.
    const { topic } = this.settings.witness!;
    const shape = { numPartitions: 1, replicationFactor: this.settings.kafka.topicReplication };
    await admin.connect();
    await createTopic(admin, { topic, ...shape }).catch(() => undefined);
    await admin.disconnect();
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    return producer;
  }
}
