import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { TokenBody } from '../auth.dto.js';
import { MfaSignInService } from './mfa-sign-in.service.js';
import { OptionsBody } from '../passkeys/passkeys.dto.js';
import { MfaOptionsBody, VerifyMfaBody } from './mfa.dto.js';

@ApiTags('mfa')
@Public()
@ThrottleInvalidTokens()
@Controller('auth/mfa')
export class MfaSignInController {
  constructor(private readonly signIns: MfaSignInService) {}

  @Post('options')
  @ApiOperation({
    summary: 'Options to finish a sign-in with a passkey',
    description: 'For `navigator.credentials.get`; valid for five minutes, for this `mfa_token` only.',
  })
  @Answers(200, OptionsBody)
  @ApiErrors('invalid_or_expired_token', 'rate_limited')
  startPasskeyFactor(@Body() body: MfaOptionsBody): Promise<OptionsBody> {
    return this.signIns.options(body.mfa_token);
  }

  @Post('verify')
  @ApiOperation({
    summary: 'Finish a sign-in with a second factor',
    description: 'Ten wrong codes end the `mfa_token`. Each code works once.',
  })
  @Answers(200, TokenBody)
  @ApiErrors('invalid_or_expired_token', 'invalid_mfa_code', 'invalid_passkey', 'account_disabled', 'rate_limited')
  verifySecondFactor(@Body() body: VerifyMfaBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.signIns.verify(body, context);
  }
}
