import { Controller, Delete, Get, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser } from '../../common/http/decorators.js';
import { AppError } from '../../common/errors.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { PROVIDERS } from '../../config/settings.auth.js';
import { IdentitiesBody, toIdentityResponse } from './identities.dto.js';
import { IdentitiesService } from './identities.service.js';
import { UnlinkService } from './unlink.service.js';
import { UsersService } from '../users.service.js';

@ApiTags('profile')
@ApiBearerAuth()
@Controller('users/identities')
export class IdentitiesController {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly unlinks: UnlinkService,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Provider accounts linked to the own account' })
  @Answers(200, IdentitiesBody)
  async listMyIdentities(@CurrentUser() { userId }: Principal): Promise<IdentitiesBody> {
    const [user, identities] = await Promise.all([this.users.getOwn(userId), this.identities.listOf(userId)]);
    return { identities: identities.map(toIdentityResponse), has_password: user.passwordHash !== null };
  }

  @Delete(':provider')
  @ApiOperation({ summary: 'Unlink a provider', description: 'Refused where it is the last sign-in method.' })
  @ApiParam({ name: 'provider', enum: PROVIDERS })
  @Answers(204)
  @ApiErrors('not_found', 'last_sign_in_method', 'recent_sign_in_required')
  unlinkMyIdentity(
    @CurrentUser() principal: Principal,
    @Param('provider') name: string,
    @Context() context: RequestContext,
  ): Promise<void> {
    const provider = PROVIDERS.find((known) => known === name);
    if (!provider) throw new AppError('not_found');
    return this.unlinks.unlink(principal, provider, context);
  }
}
