import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import type { Admin } from 'kafkajs';
import { Settings } from '../config/settings.js';
import { kafkaConfig, loadKafkajs } from './kafka.js';

/** Pings the brokers over a connection that stays open while they answer. */
@Injectable()
export class KafkaHealthIndicator implements OnApplicationShutdown {
  readonly configured: boolean;
  private admin: Promise<Admin> | null = null;

  constructor(private readonly settings: Settings) {
    this.configured = settings.kafka.brokers.length > 0;
  }

  /** @throws Error where no broker answers, after a few seconds */
  async ping(): Promise<void> {
    const current = (this.admin ??= this.connect());
    try {
      await (await current).describeCluster();
    } catch (error) {
      if (this.admin === current) this.drop();
      throw error;
    }
  }

  onApplicationShutdown(): void {
    this.drop();
  }

  private async connect(): Promise<Admin> {
    const { Kafka } = await loadKafkajs();
    const admin = new Kafka(kafkaConfig(this.settings)).admin();
    await admin.connect();
    return admin;
  }

  /** Not awaited: kafkajs waits for requests in flight. */
  private drop(): void {
    this.admin?.then((admin) => admin.disconnect()).catch(() => undefined);
    this.admin = null;
  }
}
