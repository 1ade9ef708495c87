import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, CurrentUser } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { ReauthenticateBody, ReauthenticatedBody } from './reauthentication.dto.js';
import { ReauthenticationService } from './reauthentication.service.js';

@ApiTags('auth')
@ApiBearerAuth()
@Controller('auth/reauthenticate')
export class ReauthenticationController {
  constructor(private readonly reauthentications: ReauthenticationService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'reauthenticateUser',
    summary: 'Authenticate again within the session',
    description:
      'By the password or, for an account with a second factor, by a code or a passkey, whose options ' +
      '`POST /auth/passkeys/options` answers. The new access token allows what answers ' +
      '`recent_sign_in_required` for ten minutes; the old one stays valid.',
  })
  @ApiOkResponse({ type: ReauthenticatedBody })
  @ApiErrors('validation_failed', 'unauthenticated', 'invalid_credentials', 'invalid_mfa_code', 'invalid_passkey')
  @ApiErrors('recent_sign_in_required', 'rate_limited', 'busy')
  reauthenticate(
    @CurrentUser() user: Principal,
    @Body() body: ReauthenticateBody,
    @Context() context: RequestContext,
  ): Promise<ReauthenticatedBody> {
    return this.reauthentications.reauthenticate(user, body, context);
  }
}
