import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { Gauge } from 'prom-client';
import { DataSource } from 'typeorm';
import { registry } from '../common/logging/metrics.js';
import { MailQueue } from '../mail/mail-queue.js';
import { OutboxLag } from '../events/outbox-lag.js';

/** After this long the metrics are sent without those of the database. */
const TIMEOUT_MS = 1000;

const connections = new Gauge({
  name: 'database_pool_connections',
  help: 'Connections of the pool by state',
  labelNames: ['state'] as const,
  registers: [registry],
});

const waiting = new Gauge({
  name: 'database_pool_waiting',
  help: 'Requests waiting for a connection',
  registers: [registry],
});

@Injectable()
export class MetricsService {
  readonly contentType = registry.contentType;

  constructor(
    private readonly database: DataSource,
    private readonly lag: OutboxLag,
    private readonly mails: MailQueue,
  ) {}

  /** In the Prometheus text format. Gauges of the pool, the outbox and the mail queue are measured now. */
  async report(): Promise<string> {
    const pool = (this.database.driver as unknown as { master: Pool }).master;
    connections.set({ state: 'idle' }, pool.idleCount);
    connections.set({ state: 'used' }, pool.totalCount - pool.idleCount);
    waiting.set(pool.waitingCount);
    const measured = Promise.allSettled([this.lag.measure(), this.mails.measure()]);
    await Promise.race([measured, sleep(TIMEOUT_MS, undefined, { ref: false })]);
    return registry.metrics();
  }
}
