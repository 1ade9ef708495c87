import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { Admin, Kafka } from 'kafkajs';
import { DataSource } from 'typeorm';
import { CircuitBreaker } from '../cache/circuit-breaker.js';
import { Settings } from '../config/settings.js';
import { kafkaConfig } from '../events/kafka.js';

/** Milliseconds that one check may take. */
const TIMEOUT = 1000;
/** Milliseconds for which probes share one answer. */
const SHARED_FOR = 1000;

export type DependencyName = 'database' | 'redis' | 'kafka';

/** One indicator a dependency. What is not configured is named by what stands in for it, and is never down. */
@Injectable()
export class Dependencies implements OnApplicationShutdown {
  private readonly admin: Admin | null;
  private connected: Promise<void> | undefined;

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: DataSource,
    private readonly breaker: CircuitBreaker,
    private readonly settings: Settings,
  ) {
    this.admin = settings.kafka.brokers.length > 0 ? new Kafka(kafkaConfig(settings)).admin() : null;
  }

  async databaseUp(): Promise<HealthIndicatorResult> {
    const state = this.settings.database.embedded ? 'embedded' : 'up';
    return this.check('database', state, () => this.database.query('SELECT 1'));
  }

  async redisUp(): Promise<HealthIndicatorResult> {
    const { redis } = this.breaker;
    return redis
      ? this.check('redis', 'up', () => redis.ping())
      : this.indicators.check('redis').up({ state: 'memory' });
  }

  async kafkaUp(): Promise<HealthIndicatorResult> {
    const { admin } = this;
    if (!admin) return this.indicators.check('kafka').up({ state: 'disabled' });
    return this.check('kafka', 'up', async () => {
      this.connected ??= admin.connect();
      await this.connected;
      await admin.describeCluster();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.admin?.disconnect().catch(() => undefined);
  }

  private async check(
    name: DependencyName,
    state: string,
    probe: () => Promise<unknown>,
  ): Promise<HealthIndicatorResult> {
    return this.indicators
      .check(name)
      .attempt(async () => {
        await probe().catch((error: unknown) => {
          if (name === 'kafka') this.connected = undefined;
          throw error;
        });
        return { state };
      })
      .withTimeout(TIMEOUT)
      .cacheFor(SHARED_FOR);
  }
}
