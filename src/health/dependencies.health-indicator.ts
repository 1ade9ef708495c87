import { Injectable } from '@nestjs/common';
import { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { probeWrite } from '../redis/redis-refusals.js';
import { Settings } from '../config/settings.js';
import { KafkaHealthIndicator } from '../events/kafka.health-indicator.js';
import { AvatarStorage } from '../users/avatars/avatar-storage.js';
import { DatabaseHealthIndicator } from './database.health-indicator.js';

const TIMEOUT_MS = 1000;
/** Requests within this time share one result. */
const MAX_AGE_MS = 1000;

export type DependencyName = 'database' | 'redis' | 'kafka' | 'storage';

/** A dependency that is not configured reports its substitute and is never down. */
@Injectable()
export class DependenciesHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseHealthIndicator,
    private readonly breaker: CircuitBreaker,
    private readonly kafka: KafkaHealthIndicator,
    private readonly storage: AvatarStorage,
    private readonly settings: Settings,
  ) {}

  async databaseUp(): Promise<HealthIndicatorResult> {
    const state = this.settings.database.embedded ? 'embedded' : 'up';
    return this.check('database', async () => ((await this.database.isWritable()) ? state : 'read_only'));
  }

  async redisUp(): Promise<HealthIndicatorResult> {
    const { redis } = this.breaker;
    if (!redis) return this.indicators.check('redis').up({ state: 'memory' });
    return this.check('redis', async () => {
      await this.breaker.run(probeWrite);
      return 'up';
    });
  }

  async kafkaUp(): Promise<HealthIndicatorResult> {
    if (!this.kafka.configured) return this.indicators.check('kafka').up({ state: 'disabled' });
    return this.check('kafka', async () => {
      await this.kafka.ping();
      return 'up';
    });
  }

  async storageUp(): Promise<HealthIndicatorResult> {
    return this.check('storage', async () => {
      await this.storage.probe();
      return 'up';
    });
  }

  private async check(name: DependencyName, probe: () => Promise<string>): Promise<HealthIndicatorResult> {
    return this.indicators
      .check(name)
      .attempt(async () => ({ state: await probe() }))
      .withTimeout(TIMEOUT_MS)
      .cacheFor(MAX_AGE_MS);
  }
}
