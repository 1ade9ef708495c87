import { Body, Controller, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, CurrentUser } from '../../common/http/decorators.js';
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
  @ApiOperation({
    summary: 'Authenticate again within the session',
    description:
      'By the password or, for an account with a second factor, by a code or a passkey, whose options ' +
      '`POST /auth/passkeys/options` answers. The new access token allows what answers ' +
      '`recent_sign_in_required` for ten minutes; the old one stays valid.',
  })
  @Answers(200, ReauthenticatedBody)
  @ApiErrors('invalid_credentials', 'invalid_mfa_code', 'invalid_passkey', 'recent_sign_in_required')
  reauthenticateUser(
    @CurrentUser() user: Principal,
    @Body() body: ReauthenticateBody,
    @Context() context: RequestContext,
  ): Promise<ReauthenticatedBody> {
    return this.reauthentications.reauthenticate(user, body, context);
  }
}
