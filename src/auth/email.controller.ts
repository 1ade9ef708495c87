import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Throttle, ThrottleGuesses } from '../cache/throttle.js';
import { ApiErrors, Public } from '../common/decorators.js';
import { Context } from '../common/request-context.js';
import type { RequestContext } from '../common/request-context.js';
import { EmailVerificationService } from './email-verification.service.js';
import { ACCEPTED, AcceptedBody, EmailBody, LinkTokenBody } from './links.dto.js';

@ApiTags('auth')
@Public()
@Controller('auth/email')
export class EmailController {
  constructor(private readonly verification: EmailVerificationService) {}

  @ThrottleGuesses()
  @Post('verify')
  @HttpCode(204)
  @ApiOperation({ summary: 'Confirm an address with the token of a mailed link' })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'invalid_or_expired_token', 'invalid_json', 'rate_limited')
  verify(@Body() body: LinkTokenBody, @Context() context: RequestContext): Promise<void> {
    return this.verification.verify(body.token, context);
  }

  @Throttle('forgotPerIp')
  @Post('resend')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Have another confirmation link mailed',
    description: 'Answers the same in the same time, whether or not there is an account that needs one.',
  })
  @ApiAcceptedResponse({ type: AcceptedBody })
  @ApiErrors('validation_failed', 'invalid_json', 'rate_limited')
  async resend(@Body() body: EmailBody, @Context() context: RequestContext): Promise<AcceptedBody> {
    await this.verification.resend(body.email, context);
    return ACCEPTED;
  }
}
