import { Body, Controller, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { Throttle } from '../../rate-limit/throttle.guard.js';
import { Answers, ApiErrors, CurrentUser, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { ACCEPTED, AcceptedBody, EmailBody } from '../email/links.dto.js';
import { PasswordChangeService } from './password-change.service.js';
import { PasswordResetService } from './password-reset.service.js';
import { ChangePasswordBody, ResetPasswordBody } from './password.dto.js';

@ApiTags('auth')
@Controller('auth/password')
export class PasswordController {
  constructor(
    private readonly resets: PasswordResetService,
    private readonly changes: PasswordChangeService,
  ) {}

  @Public()
  @Throttle('forgotPerIp')
  @Post('forgot')
  @ApiOperation({
    summary: 'Send a link for a new password',
    description: 'The answer and its time do not reveal whether there is an account.',
  })
  @Answers(202, AcceptedBody)
  @ApiErrors('rate_limited')
  async requestPasswordReset(@Body() body: EmailBody, @Context() context: RequestContext): Promise<AcceptedBody> {
    await this.resets.request(body.email, context);
    return ACCEPTED;
  }

  @Public()
  @ThrottleInvalidTokens()
  @Post('reset')
  @ApiOperation({
    summary: 'Set a new password with the token of a mailed link',
    description:
      'Ends every session, lifts a lock and confirms the address. A refused password does not use the token up. ' +
      'The same request answers 204 again until the link expires, without further changes.',
  })
  @Answers(204)
  @ApiErrors('weak_password', 'invalid_or_expired_token', 'rate_limited', 'invalid_mfa_code', 'invalid_passkey')
  resetPassword(@Body() body: ResetPasswordBody, @Context() context: RequestContext): Promise<void> {
    return this.resets.reset(body, context);
  }

  @Post('change')
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Replace the password',
    description: 'Ends the other sessions. An account without a password gets one by `/auth/password/forgot`.',
  })
  @Answers(204)
  @ApiErrors('weak_password', 'invalid_credentials', 'recent_sign_in_required')
  changeMyPassword(
    @CurrentUser() user: Principal,
    @Body() body: ChangePasswordBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.changes.change(user, body, context);
  }
}
