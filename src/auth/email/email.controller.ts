import { Body, Controller, Headers, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { Throttle } from '../../rate-limit/throttle.guard.js';
import { Answers, ApiErrors, CurrentUser, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { AddressChangeService } from './address-change.service.js';
import { EmailVerificationService } from './email-verification.service.js';
import { JwtGuard } from '../tokens/jwt.guard.js';
import { ACCEPTED, AcceptedBody, ChangeEmailBody, EmailBody } from './links.dto.js';
import { VerifyEmailBody } from '../passwords/password.dto.js';

@ApiTags('auth')
@Controller('auth/email')
export class EmailController {
  constructor(
    private readonly verification: EmailVerificationService,
    private readonly changes: AddressChangeService,
    private readonly guard: JwtGuard,
  ) {}

  @Public()
  @ThrottleInvalidTokens()
  @Post('verify')
  @ApiSecurity({})
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Confirm an address, or the new address of an account, with the token of a mailed link',
    description:
      'With the password, the passkey of sign-up or an access token of the account, the request also proves that the owner ' +
      'of the address created it. A used link answers 204 again until it expires.',
  })
  @Answers(204)
  @ApiErrors('invalid_or_expired_token', 'invalid_credentials', 'invalid_passkey', 'email_taken')
  async verifyEmail(
    @Body() body: VerifyEmailBody,
    @Context() context: RequestContext,
    @Headers('authorization') authorization?: string,
  ): Promise<void> {
    const principal = await this.guard.identify(authorization);
    await this.verification.verify(body, principal?.userId ?? null, context);
  }

  @Throttle('forgotPerIp')
  @Post('change')
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Ask for another address',
    description:
      'Needs an authentication within the last ten minutes or, without a second factor, the password in the body. The new ' +
      'address gets a link for `/auth/email/verify`, and nothing changes before it is used. The answer and its time do not ' +
      'reveal whether the address is taken.',
  })
  @Answers(202, AcceptedBody)
  @ApiErrors('invalid_credentials', 'recent_sign_in_required')
  async changeMyEmail(
    @CurrentUser() user: Principal,
    @Body() body: ChangeEmailBody,
    @Context() context: RequestContext,
  ): Promise<AcceptedBody> {
    await this.changes.request(user, body, context);
    return ACCEPTED;
  }

  @Public()
  @Throttle('forgotPerIp')
  @Post('resend')
  @ApiOperation({
    summary: 'Send another confirmation link',
    description: 'The answer and its time do not reveal whether an account needs one.',
  })
  @Answers(202, AcceptedBody)
  @ApiErrors('rate_limited')
  async resendVerification(@Body() body: EmailBody, @Context() context: RequestContext): Promise<AcceptedBody> {
    await this.verification.resend(body.email, context);
    return ACCEPTED;
  }
}
