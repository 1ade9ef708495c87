import { Controller, Get, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Answers, ApiErrors, Public } from '../common/http/decorators.js';
import { HealthBody, LiveBody } from './health.dto.js';
import { Settings } from '../config/settings.js';
import { HealthService } from './health.service.js';

@ApiTags('health')
@Public()
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthService,
    private readonly settings: Settings,
  ) {}

  @Get('health')
  @ApiOperation({ summary: 'The state of the service and of what it depends on' })
  @Answers(200, HealthBody)
  @ApiResponse({ status: 503, type: HealthBody, description: 'PostgreSQL cannot be reached' })
  async getHealth(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthBody> {
    const body = await this.health.report(this.settings.metricsPort === null);
    reply.status(body.status === 'down' ? 503 : 200);
    return body;
  }

  @Get(['health/live', 'healthz'])
  @ApiOperation({ summary: 'Liveness: the process answers' })
  @Answers(200, LiveBody)
  checkLiveness(): LiveBody {
    return { status: 'ok' };
  }

  @Get(['health/ready', 'ready'])
  @ApiOperation({ summary: 'Readiness: database reachable and migrated, not shutting down' })
  @Answers(200, LiveBody)
  @ApiErrors('database_unavailable')
  async checkReadiness(): Promise<LiveBody> {
    await this.health.requireReady();
    return { status: 'ok' };
  }
}
