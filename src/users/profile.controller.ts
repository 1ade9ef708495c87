import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../common/http/decorators.js';
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
  @ApiOperation({ operationId: 'getMyProfile', summary: 'The own profile' })
  @ApiOkResponse({ type: ProfileBody })
  @ApiErrors('unauthenticated', 'database_unavailable')
  get(@CurrentUser() principal: Principal): Promise<ProfileBody> {
    return this.profiles.getOwn(principal);
  }

  @Put('users/profile')
  @ApiOperation({
    operationId: 'updateMyProfile',
    summary: 'Change the own profile',
    description: 'An omitted field stays, null clears it.',
  })
  @ApiOkResponse({ type: ProfileBody })
  @ApiErrors('validation_failed', 'invalid_json', 'unauthenticated', 'payload_too_large', 'unsupported_media_type')
  update(
    @CurrentUser() principal: Principal,
    @Body() body: UpdateProfileBody,
    @Context() context: RequestContext,
  ): Promise<ProfileBody> {
    return this.profiles.update(principal, body, context);
  }
}
