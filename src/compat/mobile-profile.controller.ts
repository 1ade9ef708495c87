import { applyDecorators, Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { MobilePreferences, MobileProfile, UpdateMobileProfileBody } from './mobile-profile.dto.js';
import { MobileProfileService } from './mobile-profile.service.js';

const ChangesProfile = (operationId: string) =>
  applyDecorators(
    ApiOperation({ operationId, summary: 'Change the own profile', description: 'A field that is missing stays.' }),
    ApiOkResponse({ type: MobileProfile }),
    ApiErrors('validation_failed', 'invalid_json', 'unauthenticated', 'rate_limited', 'database_unavailable'),
    ApiErrors('payload_too_large', 'unsupported_media_type'),
  );

/** The routes that the mobile app calls, with the app's names. */
@ApiTags('platform apps')
@ApiBearerAuth()
@Controller('profile')
export class MobileProfileController {
  constructor(private readonly profiles: MobileProfileService) {}

  @Get()
  @ApiOperation({ operationId: 'getMobileProfile', summary: 'The own profile, as the mobile app shows it' })
  @ApiOkResponse({ type: MobileProfile })
  @ApiErrors('unauthenticated', 'database_unavailable')
  get(@CurrentUser() principal: Principal): Promise<MobileProfile> {
    return this.profiles.get(principal);
  }

  @Post()
  @HttpCode(200)
  @ChangesProfile('createMobileProfile')
  create(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateMobileProfileBody,
    @Context() context: RequestContext,
  ): Promise<MobileProfile> {
    return this.profiles.update(principal, body, context);
  }

  @Put()
  @ChangesProfile('updateMobileProfile')
  update(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateMobileProfileBody,
    @Context() context: RequestContext,
  ): Promise<MobileProfile> {
    return this.profiles.update(principal, body, context);
  }

  @Get('preferences')
  @ApiOperation({ operationId: 'getMobilePreferences', summary: 'The own preferences, as the mobile app shows them' })
  @ApiOkResponse({ type: MobilePreferences })
  @ApiErrors('unauthenticated', 'database_unavailable')
  getPreferences(@CurrentUser() { userId }: Principal): Promise<MobilePreferences> {
    return this.profiles.getPreferences(userId);
  }
}
