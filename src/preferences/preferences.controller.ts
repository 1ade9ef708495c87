import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, CurrentUser } from '../common/http/decorators.js';
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
  @ApiOperation({ summary: 'The own preferences' })
  @Answers(200, PreferencesBody)
  getMyPreferences(@CurrentUser() { userId }: Principal): Promise<PreferencesBody> {
    return this.preferences.get(userId);
  }

  @Put()
  @ApiOperation({ summary: 'Change the own preferences', description: 'An omitted field stays, a list is replaced.' })
  @Answers(200, PreferencesBody)
  updateMyPreferences(
    @CurrentUser() principal: Principal,
    @Body() body: UpdatePreferencesBody,
    @Context() context: RequestContext,
  ): Promise<PreferencesBody> {
    return this.preferences.update(principal, body, context);
  }
}
