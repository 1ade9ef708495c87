import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiErrors, Public } from '../common/http/decorators.js';
import { AppError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { MetricsService } from './metrics.service.js';

@ApiTags('health')
@Public()
@Controller()
export class MetricsController {
  constructor(
    private readonly settings: Settings,
    private readonly service: MetricsService,
  ) {}

  @Get('metrics')
  @ApiOperation({ summary: 'Metrics in the Prometheus text format' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  @ApiErrors('not_found')
  async getMetrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    if (!this.settings.metricsEnabled || this.settings.metricsPort !== null) throw new AppError('not_found');
    reply.header('content-type', this.service.contentType);
    return this.service.report();
  }
}
