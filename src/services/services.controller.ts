import { Body, Controller, Get, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { UuidParam } from '../common/dto/uuid-param.js';
import { Answers, ApiErrors } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Caller, ServiceRoute } from '../common/http/service-scope.js';
import type { ServicePrincipal } from '../common/http/service-scope.js';
import { PreferencesBody, UpdatePreferencesBody } from '../preferences/preferences.dto.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { ServiceReadsService } from './service-reads.service.js';
import {
  BatchAnswer,
  BatchBody,
  ServiceProfileBody,
  ServiceProfileQuery,
  ServiceSearchBody,
  ServiceSearchQuery,
  ValidateBody,
} from './services.dto.js';

@ApiTags('services')
@Controller('users')
export class ServicesController {
  constructor(
    private readonly reads: ServiceReadsService,
    private readonly preferences: PreferencesService,
  ) {}

  @Post('batch')
  @ServiceRoute('users:read')
  @ApiOperation({
    summary: 'Several members for another service',
    description: 'At most 100 ids. Preferences need the scope `preferences:read` too.',
  })
  @Answers(200, BatchAnswer)
  listUsersById(@Body() { user_ids, include }: BatchBody, @Caller() service: ServicePrincipal): Promise<BatchAnswer> {
    return this.reads.batch(service, user_ids, include);
  }

  @Get('search')
  @ServiceRoute('users:read')
  @ApiOperation({ summary: 'Active members by name, e-mail or company, for another service' })
  @Answers(200, ServiceSearchBody)
  @ApiErrors('validation_failed')
  searchUsers(@Query() { q, limit }: ServiceSearchQuery): Promise<ServiceSearchBody> {
    return this.reads.search(q, limit);
  }

  @Get(':id/validate')
  @ServiceRoute('users:read')
  @ApiOperation({ summary: 'Whether a member exists and is active, for another service' })
  @Answers(200, ValidateBody)
  @ApiErrors('validation_failed')
  validateUser(@UuidParam('id') id: string): Promise<ValidateBody> {
    return this.reads.validate(id);
  }

  @Get(':id/profile')
  @ServiceRoute('users:read')
  @ApiOperation({
    summary: 'A member for another service, with the preferences on request',
    description: 'Preferences need the scope `preferences:read` too.',
  })
  @Answers(200, ServiceProfileBody)
  @ApiErrors('validation_failed', 'not_found')
  getUserForService(
    @UuidParam('id') id: string,
    @Query() { include }: ServiceProfileQuery,
    @Caller() service: ServicePrincipal,
  ): Promise<ServiceProfileBody> {
    return this.reads.profile(service, id, include);
  }

  @Put(':id/preferences')
  @ServiceRoute('preferences:write')
  @ApiOperation({
    summary: "Change a member's preferences for another service",
    description: 'An omitted field stays.',
  })
  @Answers(200, PreferencesBody)
  @ApiErrors('not_found')
  updateUserPreferences(
    @UuidParam('id') id: string,
    @Body() body: UpdatePreferencesBody,
    @Caller() service: ServicePrincipal,
    @Context() context: RequestContext,
  ): Promise<PreferencesBody> {
    return this.preferences.updateForService(service, id, body, context);
  }
}
