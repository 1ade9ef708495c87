import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Client } from 'pg';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { directClient } from './connection-options.js';
import { Settings } from '../config/settings.js';

const HEARTBEAT_MS = 5000;
const TIMEOUT_MS = 2000;
/** Delays between attempts to reconnect. */
const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;

type Handler = (payload: string) => void;

/**
 * LISTEN on a dedicated connection that reconnects. Notifications sent while it is disconnected are lost: a subscriber that
 * needs them reads their source in `onConnect`, or checks `since`. Handlers must be registered before the application starts.
 * By hand, because no maintained library does this on a single connection of pg.
 */
@Injectable()
export class NotificationListener implements OnApplicationBootstrap, OnApplicationShutdown {
  /**
   * No notification since then was missed, in milliseconds of PostgreSQL's clock; null while disconnected. A host that hangs
   * without closing the connection is detected after HEARTBEAT_MS + TIMEOUT_MS.
   */
  since: number | null = null;

  private readonly handlers = new Map<string, Handler[]>();
  private readonly connectHandlers: (() => void)[] = [];
  private client: Client | null = null;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private clock = { server: Date.now(), local: performance.now() };

  constructor(
    private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  get connected(): boolean {
    return this.since !== null;
  }

  /** PostgreSQL's clock in milliseconds, at most one round trip ahead and never behind. */
  now(): number {
    return this.clock.server + performance.now() - this.clock.local;
  }

  on(channel: string, handler: Handler): void {
    this.handlers.set(channel, [...(this.handlers.get(channel) ?? []), handler]);
  }

  /** Called after each connect, including the first. */
  onConnect(handler: () => void): void {
    this.connectHandlers.push(handler);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.connect();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
    // Not awaited: a server that hangs would delay the shutdown.
    void this.client?.end().catch(() => undefined);
    this.client = null;
    this.since = null;
  }

  private async connect(): Promise<void> {
    const client = directClient(this.settings, {
      application_name: 'meetinity-user-service listener',
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
    });
    client.on('error', (error) => this.onConnectionLost(client, error));
    client.on('end', () => this.onConnectionLost(client));
    client.on('notification', ({ channel, payload }) => {
      for (const handler of this.handlers.get(channel) ?? []) handler(payload ?? '');
    });
    this.client = client;
    try {
      await client.connect();
      for (const channel of this.handlers.keys()) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      await this.sendHeartbeat(client);
    } catch (error) {
      return this.onConnectionLost(client, error);
    }
    if (this.client !== client) return;
    if (this.failures > 0) this.logger.info('listening to PostgreSQL again');
    this.failures = 0;
    this.since = this.clock.server;
    for (const handler of this.connectHandlers) handler();
    this.schedule(client);
  }

  private schedule(client: Client): void {
    this.timer = setTimeout(() => {
      this.sendHeartbeat(client).then(
        () => this.client === client && this.schedule(client),
        (error: unknown) => this.onConnectionLost(client, error),
      );
    }, HEARTBEAT_MS).unref();
  }

  private async sendHeartbeat(client: Client): Promise<void> {
    const local = performance.now();
    const { rows } = await client.query<{ server: number; pid: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS server, pg_backend_pid() AS pid',
    );
    // A pooler in transaction mode accepts LISTEN and delivers nothing. pg 8.23.1 does not declare `processID` in its types.
    if (rows[0]!.pid !== (client as Client & { processID: number }).processID)
      throw new Error('a pooler stands before PostgreSQL: DATABASE_DIRECT_URL must go past it');
    this.clock = { server: rows[0]!.server, local };
  }

  private onConnectionLost(client: Client, error?: unknown): void {
    if (this.client !== client) return;
    this.client = null;
    this.since = null;
    clearTimeout(this.timer);
    void client.end().catch(() => undefined);
    this.failures += 1;
    if (this.failures === 1) this.logger.warn({ err: error }, 'lost the connection that listens to PostgreSQL');
    const delayMs = Math.min(MIN_RETRY_MS * 2 ** (this.failures - 1), MAX_RETRY_MS);
    this.timer = setTimeout(() => void this.connect(), delayMs).unref();
  }
}
