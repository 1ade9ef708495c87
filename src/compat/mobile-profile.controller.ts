import { Body, Controller, Get, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { MobilePreferences, MobileProfile, UpdateMobileProfileBody } from './mobile-profile.dto.js';
import { MobileProfileService } from './mobile-profile.service.js';

/** The routes that the mobile app calls, with the app's names. */
@ApiTags('platform apps')
@ApiBearerAuth()
@Controller('profile')
export class MobileProfileController {
  constructor(private readonly profiles: MobileProfileService) {}

  @Get()
  @ApiOperation({ summary: 'The own profile, as the mobile app shows it' })
  @Answers(200, MobileProfile)
  getMobileProfile(@CurrentUser() principal: Principal): Promise<MobileProfile> {
    return this.profiles.get(principal);
  }

  @Post()
  @ApiOperation({ summary: 'Change the own profile', description: 'A field that is missing stays.' })
  @Answers(200, MobileProfile)
  createMobileProfile(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateMobileProfileBody,
    @Context() context: RequestContext,
  ): Promise<MobileProfile> {
    return this.profiles.update(principal, body, context);
  }

  @Put()
  @ApiOperation({ summary: 'Change the own profile', description: 'A field that is missing stays.' })
  @Answers(200, MobileProfile)
  updateMobileProfile(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateMobileProfileBody,
    @Context() context: RequestContext,
  ): Promise<MobileProfile> {
    return this.profiles.update(principal, body, context);
  }

  @Get('preferences')
  @ApiOperation({ summary: 'The own preferences, as the mobile app shows them' })
  @Answers(200, MobilePreferences)
  getMobilePreferences(@CurrentUser() { userId }: Principal): Promise<MobilePreferences> {
    return this.profiles.getPreferences(userId);
  }
}
