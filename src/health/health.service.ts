import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { DataSource } from 'typeorm';
import { AppError } from '../common/errors.js';
import { Lifecycle } from '../common/lifecycle.module.js';
import { VERSION } from '../common/version.js';
import { pendingMigrations } from '../database/migrator.js';
import { DependenciesHealthIndicator, DependencyName } from './dependencies.health-indicator.js';
import type { HealthBody } from './health.dto.js';
import { UserCountsService } from './user-counts.service.js';

const UNKNOWN = { active_users: null, total_users: null, oauth_providers: null };

const COUNTS_TIMEOUT_MS = 1000;

@Injectable()
export class HealthService {
  private migrated = false;

  constructor(
    private readonly checks: HealthCheckService,
    private readonly dependencies: DependenciesHealthIndicator,
    private readonly counts: UserCountsService,
    private readonly lifecycle: Lifecycle,
    private readonly database: DataSource,
  ) {}

  /** @param withCounts of users */
  async report(withCounts = true): Promise<HealthBody> {
    const { details } = await this.check();
    const state = (name: DependencyName) =>
      details[name]?.status === 'up' ? String((details[name] as { state?: string }).state) : 'down';
    const states = { database: state('database'), redis: state('redis'), kafka: state('kafka') };
    const dependencies = state('storage') === 'down' ? { ...states, storage: 'down' } : states;
    const degraded = Object.values(dependencies).some((found) => found === 'down' || found === 'read_only');
    return {
      status: states.database === 'down' ? 'down' : degraded ? 'degraded' : 'ok',
      service: 'user-service',
      version: VERSION,
      dependencies,
      metrics: states.database === 'down' || !withCounts ? UNKNOWN : await this.boundedCounts(),
    };
  }

  /** @throws AppError `database_unavailable` while the process must not get requests */
  async requireReady(): Promise<void> {
    if (this.lifecycle.draining) throw new AppError('database_unavailable');
    const { database } = await this.dependencies.databaseUp();
    if (database?.status !== 'up') throw new AppError('database_unavailable');
    this.migrated ||= (await pendingMigrations(this.database)).length === 0;
    if (!this.migrated) throw new AppError('database_unavailable');
  }

  private async check(): Promise<HealthCheckResult> {
    try {
      return await this.checks.check([
        () => this.dependencies.databaseUp(),
        () => this.dependencies.redisUp(),
        () => this.dependencies.kafkaUp(),
        () => this.dependencies.storageUp(),
      ]);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }

  private async boundedCounts(): Promise<HealthBody['metrics']> {
    return Promise.race([this.counts.get().catch(() => UNKNOWN), sleep(COUNTS_TIMEOUT_MS, UNKNOWN, { ref: false })]);
  }
}
