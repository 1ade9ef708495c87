import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, Public } from '../../common/http/decorators.js';
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
  @HttpCode(200)
  @ApiOperation({
    operationId: 'startPasskeyFactor',
    summary: 'Options to finish a sign-in with a passkey',
    description: 'For `navigator.credentials.get`; valid for five minutes, for this `mfa_token` only.',
  })
  @ApiOkResponse({ type: OptionsBody })
  @ApiErrors('validation_failed', 'bad_request', 'invalid_json', 'invalid_or_expired_token', 'rate_limited')
  options(@Body() body: MfaOptionsBody): Promise<OptionsBody> {
    return this.signIns.options(body.mfa_token);
  }

  @Post('verify')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'verifySecondFactor',
    summary: 'Finish a sign-in with a second factor',
    description: 'Ten wrong codes end the `mfa_token`. Each code works once.',
  })
  @ApiOkResponse({ type: TokenBody })
  @ApiErrors('validation_failed', 'invalid_json', 'invalid_or_expired_token', 'invalid_mfa_code', 'invalid_passkey')
  @ApiErrors('account_disabled', 'rate_limited', 'busy')
  verify(@Body() body: VerifyMfaBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.signIns.verify(body, context);
  }
}
