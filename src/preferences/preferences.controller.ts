import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { PreferencesBody, UpdatePreferencesBody } from './preferences.dto.js';
import { PreferencesService } from './preferences.service.js';

@ApiTags('preferences')
@ApiBearerAuth()
@Controller('users/preferences')
export class PreferencesController {
  constructor(private readonly preferences: PreferencesService) {}

  @Get()
  @ApiOperation({ operationId: 'getMyPreferences', summary: 'The own preferences' })
  @ApiOkResponse({ type: PreferencesBody })
  @ApiErrors('unauthenticated', 'database_unavailable')
  get(@CurrentUser() { userId }: Principal): Promise<PreferencesBody> {
    return this.preferences.get(userId);
  }

  @Put()
  @ApiOperation({
    operationId: 'updateMyPreferences',
    summary: 'Change the own preferences',
    description: 'An omitted field stays, a list is replaced.',
  })
  @ApiOkResponse({ type: PreferencesBody })
  @ApiErrors('validation_failed', 'invalid_json', 'unauthenticated', 'payload_too_large', 'unsupported_media_type')
  update(
    @CurrentUser() principal: Principal,
    @Body() body: UpdatePreferencesBody,
    @Context() context: RequestContext,
  ): Promise<PreferencesBody> {
    return this.preferences.update(principal, body, context);
  }
}
