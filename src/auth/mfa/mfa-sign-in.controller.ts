import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { TokenBody } from '../auth.dto.js';
import { MfaSignInService } from './mfa-sign-in.service.js';
import { VerifyMfaBody } from './mfa.dto.js';

@ApiTags('mfa')
@Public()
@ThrottleInvalidTokens()
@Controller('auth/mfa')
export class MfaSignInController {
  constructor(private readonly signIns: MfaSignInService) {}

  @Post('verify')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'verifySecondFactor',
    summary: 'Finish a sign-in with a second factor',
    description: 'Ten wrong codes end the `mfa_token`. Each code works once.',
  })
  @ApiOkResponse({ type: TokenBody })
  @ApiErrors('validation_failed', 'invalid_json', 'invalid_or_expired_token', 'invalid_mfa_code', 'account_disabled')
  @ApiErrors('rate_limited', 'busy')
  verify(@Body() body: VerifyMfaBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.signIns.verify(body, context);
  }
}
