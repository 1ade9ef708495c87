import { Body, Controller, Get, Header, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Answers, ApiErrors, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { Throttle } from '../../rate-limit/throttle.guard.js';
import { TokenBody } from '../auth.dto.js';
import { ACCEPTED, AcceptedBody } from '../email/links.dto.js';
import { PasskeySignInService } from './passkey-sign-in.service.js';
import { PasskeySignUpService } from './passkey-sign-up.service.js';
import {
  OptionsBody,
  PasskeyLoginBody,
  PasskeySignUpBody,
  PasskeySignUpOptionsBody,
  RelatedOriginsBody,
} from './passkeys.dto.js';

@ApiTags('passkeys')
@Public()
@Controller()
export class PasskeySignInController {
  constructor(
    private readonly signIns: PasskeySignInService,
    private readonly signUps: PasskeySignUpService,
    private readonly settings: Settings,
  ) {}

  @Throttle('webauthnPerIp')
  @Post('auth/passkeys/options')
  @ApiOperation({
    summary: 'Options to sign in with a passkey',
    description: 'For `navigator.credentials.get`, also with `mediation: "conditional"`; valid for five minutes.',
  })
  @Answers(200, OptionsBody)
  @ApiErrors('rate_limited')
  startPasskeySignIn(): Promise<OptionsBody> {
    return this.signIns.options();
  }

  @ThrottleInvalidTokens()
  @Post('auth/passkeys/login')
  @ApiOperation({
    summary: 'Sign in with a passkey',
    description: 'Counts as two factors. Unknown, disabled and unconfirmed accounts get the same answer.',
  })
  @Answers(200, TokenBody)
  @ApiErrors('invalid_passkey', 'rate_limited')
  loginWithPasskey(@Body() body: PasskeyLoginBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.signIns.login(body, context);
  }

  @Throttle('webauthnPerIp')
  @Post('auth/passkeys/register/options')
  @ApiOperation({
    summary: 'Options to create an account with a passkey',
    description:
      'For `navigator.credentials.create`; valid for five minutes. They do not reveal whether the address is taken.',
  })
  @Answers(200, OptionsBody)
  @ApiErrors('rate_limited')
  startPasskeySignUp(@Body() body: PasskeySignUpOptionsBody): Promise<OptionsBody> {
    return this.signUps.options(body);
  }

  @Throttle('registerPerIp')
  @Post('auth/passkeys/register')
  @ApiOperation({
    summary: 'Create an account with the passkey that the browser created',
    description:
      'Mails a confirmation link. Where the address must be confirmed before the first sign-in, the answer is 202, also for a taken address.',
  })
  @ApiCreatedResponse({ type: PasskeySignUpBody })
  @ApiAcceptedResponse({ type: AcceptedBody })
  @ApiErrors('invalid_code', 'email_taken', 'rate_limited')
  async registerWithPasskey(
    @Body() body: PasskeyLoginBody,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PasskeySignUpBody | AcceptedBody> {
    const tokens = await this.signUps.register(body, context);
    if (!tokens) reply.status(202);
    return tokens ?? ACCEPTED;
  }

  @Get('.well-known/webauthn')
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({ summary: 'Origins that may use passkeys of this service' })
  @Answers(200, RelatedOriginsBody)
  listRelatedOrigins(): RelatedOriginsBody {
    return { origins: this.settings.webauthn.origins.filter((origin) => origin.startsWith('http')) };
  }
}
