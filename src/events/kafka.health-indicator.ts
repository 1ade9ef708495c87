import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import type { Admin } from 'kafkajs';
import { Settings } from '../config/settings.js';
import { kafkaConfig } from './kafka.js';

/** Asks the brokers whether they are there, over a connection that is kept while they are. */
@Injectable()
export class KafkaHealthIndicator implements OnApplicationShutdown {
  readonly configured: boolean;
  private admin: Promise<Admin> | null = null;

  constructor(private readonly settings: Settings) {
    this.configured = settings.kafka.brokers.length > 0;
  }

  /** @throws Error where no broker answers; it may take a few seconds to find that out */
  async ping(): Promise<void> {
    const asked = (this.admin ??= this.connect());
    try {
      await (await asked).describeCluster();
    } catch (error) {
      if (this.admin === asked) this.drop();
      throw error;
    }
  }

  onApplicationShutdown(): void {
    this.drop();
  }

  private async connect(): Promise<Admin> {
    const { Kafka } = await import('kafkajs');
    const admin = new Kafka(kafkaConfig(this.settings)).admin();
    await admin.connect();
    return admin;
  }

  /** Not awaited: the library waits for what is still on its way. */
  private drop(): void {
    this.admin?.then((admin) => admin.disconnect()).catch(() => undefined);
    this.admin = null;
  }
}
