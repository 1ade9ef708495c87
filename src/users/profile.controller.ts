import { Body, Controller, Get, Header, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CheckedAlongside, CurrentClaimant, CurrentUser } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Claimant, Principal, RequestContext } from '../common/http/request-context.js';
import { ProfileBody, UpdateProfileBody } from './profile.dto.js';
import { ProfileService } from './profile.service.js';

@ApiTags('profile')
@ApiBearerAuth()
@Controller()
export class ProfileController {
  constructor(private readonly profiles: ProfileService) {}

  @Get(['users/profile', 'auth/profile'])
  @ApiOperation({ summary: 'The own profile' })
  @ApiOkResponse({ type: ProfileBody })
  @ApiErrors('unauthenticated', 'database_unavailable')
  @CheckedAlongside()
  @Header('content-type', 'application/json; charset=utf-8')
  get(@CurrentClaimant() claimant: Claimant): Promise<string> {
    return this.profiles.getOwn(claimant);
  }

  @Put('users/profile')
  @ApiOperation({ summary: 'Change the own profile', description: 'An omitted field stays, null clears it.' })
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
