import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { ProfileBody, UpdateProfileBody } from './profile.dto.js';
import { ProfileService } from './profile.service.js';

@ApiTags('profile')
@ApiBearerAuth()
@Controller()
export class ProfileController {
  constructor(private readonly profiles: ProfileService) {}

  @Get(['users/profile', 'auth/profile'])
  @ApiOperation({ summary: 'The own profile' })
  @Answers(200, ProfileBody)
  getMyProfile(@CurrentUser() principal: Principal): Promise<ProfileBody> {
    return this.profiles.getOwn(principal);
  }

  @Put('users/profile')
  @ApiOperation({ summary: 'Change the own profile', description: 'An omitted field stays, null clears it.' })
  @Answers(200, ProfileBody)
  updateMyProfile(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateProfileBody,
    @Context() context: RequestContext,
  ): Promise<ProfileBody> {
    return this.profiles.update(principal, body, context);
  }
}
