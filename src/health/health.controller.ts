import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiErrors, Public } from '../common/http/decorators.js';
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
  @ApiOperation({ operationId: 'getHealth', summary: 'The state of the service and of what it depends on' })
  @ApiOkResponse({ type: HealthBody })
  @ApiResponse({ status: 503, type: HealthBody, description: 'PostgreSQL cannot be reached' })
  async report(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthBody> {
    const body = await this.health.report(this.settings.metricsPort === null);
    reply.status(body.status === 'down' ? 503 : 200);
    return body;
  }

  @Get(['health/live', 'healthz'])
  @ApiOperation({ operationId: 'checkLiveness', summary: 'Liveness: the process answers' })
  @ApiOkResponse({ type: LiveBody })
  live(): LiveBody {
    return { status: 'ok' };
  }

  @Get(['health/ready', 'ready'])
  @ApiOperation({
    operationId: 'checkReadiness',
    summary: 'Readiness: database reachable and migrated, not shutting down',
  })
  @ApiOkResponse({ type: LiveBody })
  @ApiErrors('database_unavailable')
  async ready(): Promise<LiveBody> {
    await this.health.requireReady();
    return { status: 'ok' };
  }
}
