import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { NotMeBody } from './not-me.dto.js';
import { NotMeService } from './not-me.service.js';

@ApiTags('auth')
@Public()
@Controller('auth/account/not-me')
export class NotMeController {
  constructor(private readonly notMe: NotMeService) {}

  @ThrottleInvalidTokens()
  @Post()
  @HttpCode(204)
  @ApiOperation({
    operationId: 'reportSecurityEvent',
    summary: 'Undo a security event with the token of its notice',
    description:
      'Ends every session, disables the password until a reset, removes factors and identities that were added since the ' +
      'event, and restores the address of that time. If the account had a second factor then, one of that time is asked for. ' +
      'A used link answers 204 again until it expires.',
  })
  @ApiNoContentResponse()
  @ApiErrors('validation_failed', 'invalid_or_expired_token', 'invalid_json', 'invalid_mfa_code', 'mfa_required')
  @ApiErrors('invalid_passkey')
  @ApiErrors('email_taken', 'rate_limited', 'busy')
  report(@Body() body: NotMeBody, @Context() context: RequestContext): Promise<void> {
    return this.notMe.report(body, context);
  }
}
