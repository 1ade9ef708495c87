import { Injectable } from '@nestjs/common';
import { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { CircuitBreaker, RedisUnavailable } from '../cache/circuit-breaker.js';
import { Settings } from '../config/settings.js';
import { KafkaProbe } from '../events/kafka-probe.js';
import { DatabaseProbe } from './database-probe.js';

/** Milliseconds that one check may take. */
const TIMEOUT = 1000;
/** Milliseconds for which probes share one answer. */
const SHARED_FOR = 1000;

export type DependencyName = 'database' | 'redis' | 'kafka';

/** One indicator a dependency. What is not configured is named by what stands in for it, and is never down. */
@Injectable()
export class Dependencies {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseProbe,
    private readonly breaker: CircuitBreaker,
    private readonly kafka: KafkaProbe,
    private readonly settings: Settings,
  ) {}

  async databaseUp(): Promise<HealthIndicatorResult> {
    const state = this.settings.database.embedded ? 'embedded' : 'up';
    return this.check('database', state, () => this.database.ping());
  }

  async redisUp(): Promise<HealthIndicatorResult> {
    const { redis } = this.breaker;
    if (!redis) return this.indicators.check('redis').up({ state: 'memory' });
    return this.check('redis', 'up', async () => {
      // Too slow to be worked with is down, though it may answer this.
      if (!this.breaker.available) throw new RedisUnavailable();
      await redis.ping();
    });
  }

  async kafkaUp(): Promise<HealthIndicatorResult> {
    if (!this.kafka.configured) return this.indicators.check('kafka').up({ state: 'disabled' });
    return this.check('kafka', 'up', () => this.kafka.ping());
  }

  private async check(
    name: DependencyName,
    state: string,
    probe: () => Promise<unknown>,
  ): Promise<HealthIndicatorResult> {
    return this.indicators
      .check(name)
      .attempt(async () => {
        await probe();
        return { state };
      })
      .withTimeout(TIMEOUT)
      .cacheFor(SHARED_FOR);
  }
}
