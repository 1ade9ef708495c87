import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Gauge } from 'prom-client';
import { DataSource } from 'typeorm';
import { buildInfo, registry } from '../common/logging/metrics.js';
import { VERSION } from '../common/version.js';
import { Settings } from '../config/settings.js';
import { MailQueue } from '../mail/mail-queue.js';
import { OutboxLag } from '../events/outbox-lag.js';
import { DependenciesHealthIndicator } from './dependencies.health-indicator.js';

/** After this long the metrics are sent with the last values of what did not answer; longer than the health checks take. */
const TIMEOUT_MS = 1500;

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
  }

  /** In the Prometheus text format. Gauges of the pool, the outbox and the mail queue are measured now. */
  async report(): Promise<string> {
    const pool = (this.database.driver as unknown as { master: Pool }).master;
    connections.set({ state: 'idle' }, pool.idleCount);
    connections.set({ state: 'used' }, pool.totalCount - pool.idleCount);
    waiting.set(pool.waitingCount);
    const measured = Promise.allSettled([this.lag.measure(), this.mails.measure(), this.dependencies.measure()]);
    await Promise.race([measured, sleep(TIMEOUT_MS, undefined, { ref: false })]);
    return registry.metrics();
  }
}
