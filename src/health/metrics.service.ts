import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Gauge } from 'prom-client';
import { DataSource } from 'typeorm';
import { primary } from '../common/concurrency/process-requests.js';
import { buildInfo, registry, workers } from '../common/logging/metrics.js';
import { VERSION } from '../common/version.js';
import { Settings } from '../config/settings.js';
import { MailQueue } from '../mail/mail-queue.js';
import { OutboxLag } from '../events/outbox-lag.js';
import { DependenciesHealthIndicator } from './dependencies.health-indicator.js';

/** After this long the metrics are sent with the last values of what did not answer; longer than the health checks take. */
const TIMEOUT_MS = 1500;
const PRIMARY_TIMEOUT_MS = 5000;

const connections = new Gauge({
  name: 'meetinity_user_database_pool_connections',
  help: 'Connections of the pool by state',
  labelNames: ['state'] as const,
  aggregator: 'sum',
  registers: [registry],
});

const waiting = new Gauge({
  name: 'meetinity_user_database_pool_waiting',
  help: 'Requests waiting for a connection',
  aggregator: 'sum',
  registers: [registry],
});

@Injectable()
export class MetricsService {
  readonly contentType = registry.contentType;

  constructor(
    private readonly database: DataSource,
    private readonly lag: OutboxLag,
    private readonly mails: MailQueue,
    private readonly dependencies: DependenciesHealthIndicator,
    { commit }: Settings,
  ) {
    buildInfo.set({ version: VERSION, commit }, 1);
    workers.set(1);
    primary?.handle('metrics', async () => {
      await this.measure();
      return registry.getMetricsAsJSON();
    });
  }

  /** In the Prometheus text format, of all processes together. */
  async report(): Promise<string> {
    if (primary) return primary.ask('metrics', null, PRIMARY_TIMEOUT_MS);
    await this.measure();
    return registry.metrics();
  }

  /** Sets the gauges that are not kept up to date. */
  private async measure(): Promise<void> {
    const pool = (this.database.driver as unknown as { master: Pool }).master;
    connections.set({ state: 'idle' }, pool.idleCount);
    connections.set({ state: 'used' }, pool.totalCount - pool.idleCount);
    waiting.set(pool.waitingCount);
    const measured = Promise.allSettled([this.lag.measure(), this.mails.measure(), this.dependencies.measure()]);
    await Promise.race([measured, sleep(TIMEOUT_MS, undefined, { ref: false })]);
  }
}
