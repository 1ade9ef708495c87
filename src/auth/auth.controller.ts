import { Body, Controller, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Throttle } from '../rate-limit/throttle.guard.js';
import { Answers, ApiErrors, CurrentUser, Public } from '../common/http/decorators.js';
import { Context } from '../common/http/request-context.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { ACCEPTED, AcceptedBody } from './email/links.dto.js';
import { LoginBody, LogoutBody, RefreshBody, RegisterBody, TokenBody } from './auth.dto.js';
import { SignInBody } from './mfa/mfa.dto.js';
import { LoginService } from './login.service.js';
import { LogoutService } from './tokens/logout.service.js';
import { RefreshService } from './tokens/refresh.service.js';
import { RegisterService } from './register.service.js';
import { NotCountedAsWrite } from '../rate-limit/write-limit.guard.js';

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly registration: RegisterService,
    private readonly logins: LoginService,
    private readonly refreshes: RefreshService,
    private readonly logouts: LogoutService,
  ) {}

  @Public()
  @Throttle('registerPerIp')
  @Post('register')
  @ApiOperation({
    summary: 'Create an account and sign in',
    description:
      'Mails a confirmation link. Where the address must be confirmed before the first sign-in, the answer is 202, also for a taken address.',
  })
  @ApiCreatedResponse({ type: TokenBody })
  @ApiAcceptedResponse({ type: AcceptedBody })
  @ApiErrors('weak_password', 'email_taken', 'rate_limited')
  async registerUser(
    @Body() body: RegisterBody,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenBody | AcceptedBody> {
    const tokens = await this.registration.register(body, context);
    if (!tokens) reply.status(202);
    return tokens ?? ACCEPTED;
  }

  @Public()
  @Post('login')
  @ApiOperation({
    summary: 'Sign in with e-mail and password',
    description: 'An account with a second factor gets a `mfa_token`, for `POST /auth/mfa/verify`.',
  })
  @Answers(200, SignInBody)
  @ApiErrors('invalid_credentials', 'account_disabled', 'rate_limited')
  loginUser(@Body() body: LoginBody, @Context() context: RequestContext): Promise<SignInBody> {
    return this.logins.login(body, context);
  }

  // Not throttled: a forged token costs no query, and a limit by IP address would block the clients that share it.
  @Public()
  @Post('refresh')
  @ApiOperation({
    summary: 'Exchange a refresh token for new tokens',
    description:
      'Each token works once. Repeated shortly after, it gives the same successor; later, it ends the session.',
  })
  @Answers(200, TokenBody)
  @ApiErrors('invalid_refresh_token', 'refresh_token_reused')
  refreshTokens(@Body() body: RefreshBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.refreshes.refresh(body.refresh_token, context);
  }

  @NotCountedAsWrite()
  @Post('logout')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'End this session, or all sessions' })
  @Answers(204)
  logoutUser(
    @CurrentUser() user: Principal,
    @Body() body: LogoutBody,
    @Context() context: RequestContext,
  ): Promise<void> {
    return this.logouts.logout(user, body.all ?? false, context);
  }
}
