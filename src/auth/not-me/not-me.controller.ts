import { Body, Controller, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, ApiErrors, Public } from '../../common/http/decorators.js';
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
  @ApiOperation({
    summary: 'Undo a security event with the token of its notice',
    description:
      'Ends every session, disables the password until a reset, removes factors and identities that were added since the ' +
      'event, and restores the address of that time. If the account had a second factor then, one of that time is asked for. ' +
      'A used link answers 204 again until it expires.',
  })
  @Answers(204)
  @ApiErrors('invalid_or_expired_token', 'invalid_mfa_code', 'mfa_required', 'invalid_passkey', 'email_taken')
  @ApiErrors('rate_limited')
  reportSecurityEvent(@Body() body: NotMeBody, @Context() context: RequestContext): Promise<void> {
    return this.notMe.report(body, context);
  }
}
