import { once } from 'node:events';
import { createServer, IncomingMessage, type ServerResponse } from 'node:http';
import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { HealthService } from './health.service.js';
import { MetricsService } from './metrics.service.js';

/** `/metrics`, and `/health` with the number of users, on METRICS_PORT: a port that no ingress has to know. */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server = createServer((request, response) => void this.answer(request, response));

  constructor(
    private readonly settings: Settings,
    private readonly metrics: MetricsService,
    private readonly health: HealthService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws Error naming the variables */
  async onApplicationBootstrap(): Promise<void> {
    const { metricsPort, host } = this.settings;
    if (metricsPort === null) return;
    try {
      await once(this.server.listen(metricsPort, host), 'listening');
    } catch (error) {
      throw new Error(`APP_HOST, METRICS_PORT: ${(error as Error).message}`, { cause: error });
    }
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = url.split('?');
    const known = method === 'GET' || method === 'HEAD';
    try {
      if (known && path === '/metrics' && this.settings.metricsEnabled)
        response.setHeader('content-type', this.metrics.contentType).end(await this.metrics.report());
      else if (known && path === '/health') {
        const body = await this.health.report();
        response.setHeader('content-type', 'application/json; charset=utf-8');
        response.writeHead(body.status === 'down' ? 503 : 200).end(JSON.stringify(body));
      } else response.writeHead(404).end();
    } catch (error) {
      this.logger.error({ err: error }, 'the metrics could not be read');
      response.writeHead(500).end();
    }
  }
}
