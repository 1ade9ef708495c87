import { Injectable } from '@nestjs/common';
import { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { Redis } from 'ioredis';
import { dependencyUp } from '../common/logging/metrics.js';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { probeWrite } from '../redis/redis-refusals.js';
import { Settings } from '../config/settings.js';
import { KafkaHealthIndicator } from '../events/kafka.health-indicator.js';
import { MailSender } from '../mail/mail-sender.js';
import { AvatarStorage } from '../users/avatars/avatar-storage.js';
import { DatabaseHealthIndicator } from './database.health-indicator.js';

const TIMEOUT_MS = 1000;
/** Requests within this time share one result. */
const MAX_AGE_MS = 1000;
/** A probe of the mail server signs in to it. */
const MAIL_TIMEOUT_MS = 5000;
const MAX_MAIL_AGE_MS = 60_000;

export type DependencyName = 'database' | 'redis' | 'kafka' | 'smtp' | 'storage';

/** A dependency that is not configured reports its substitute and is never down. */
@Injectable()
export class DependenciesHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseHealthIndicator,
    private readonly breaker: CircuitBreaker,
    private readonly kafka: KafkaHealthIndicator,
    private readonly storage: AvatarStorage,
    private readonly mail: MailSender,
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

  /** Unlike `redisUp` also while the server is too slow to be used, which the gauge of the circuit shows. */
  private async redisServerUp(redis: Redis): Promise<HealthIndicatorResult> {
    return this.check('redis_server', async () => {
      await probeWrite(redis);
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

  /** Sets the gauge of each configured dependency. */
  async measure(): Promise<void> {
    const set = (dependency: string, found: HealthIndicatorResult) => {
      const [result] = Object.values(found);
      dependencyUp.set({ dependency }, result!.status === 'up' && result!.state !== 'read_only' ? 1 : 0);
    };
    await Promise.all([
      this.databaseUp().then((found) => set('postgresql', found)),
      this.breaker.redis && this.redisServerUp(this.breaker.redis).then((found) => set('redis', found)),
      this.kafka.configured && this.kafkaUp().then((found) => set('kafka', found)),
      this.settings.mail.smtpUrl && this.smtpUp().then((found) => set('smtp', found)),
      this.storageUp().then((found) => set('storage', found)),
    ]);
  }

  private async smtpUp(): Promise<HealthIndicatorResult> {
    const probe = async () => {
      await this.mail.probe();
      return 'up';
    };
    return this.check('smtp', probe, MAIL_TIMEOUT_MS, MAX_MAIL_AGE_MS);
  }

  private async check(
    name: DependencyName | 'redis_server',
    probe: () => Promise<string>,
    timeoutMs = TIMEOUT_MS,
    maxAgeMs = MAX_AGE_MS,
  ): Promise<HealthIndicatorResult> {
    return this.indicators
      .check(name)
      .attempt(async () => ({ state: await probe() }))
      .withTimeout(timeoutMs)
      .cacheFor(maxAgeMs);
  }
}
