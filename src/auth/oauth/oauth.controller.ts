import { Body, Controller, Get, Head, Headers, Post, Query, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { Answers, ApiErrors, Public } from '../../common/http/decorators.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Provider } from '../../config/settings.auth.js';
import { TokenBody } from '../auth.dto.js';
import { SignInBody } from '../mfa/mfa.dto.js';
import { OAuthStateCookie } from './oauth-state-cookie.js';
import { OAuthCallbackService } from './oauth-callback.service.js';
import { OAuthExchangeService } from './oauth-exchange.service.js';
import { eachProvider, NamedProvider } from './oauth-routes.js';
import { CallbackBody, ExchangeBody } from './oauth.dto.js';

const CALLBACK_ERRORS = [
  'invalid_state',
  'oauth_denied',
  'oauth_failed',
  'account_disabled',
  'mfa_required',
  'provider_email_unverified',
  'email_taken',
  'provider_not_configured',
  'provider_unavailable',
  'rate_limited',
  'busy',
] as const;

@ApiTags('auth')
@Public()
@Controller('auth')
export class OAuthController {
  constructor(
    private readonly callbacks: OAuthCallbackService,
    private readonly exchanges: OAuthExchangeService,
    private readonly browser: OAuthStateCookie,
  ) {}

  /** Without this route the handlers of GET would answer HEAD, and a link preview would use the state up. */
  @Head(eachProvider('oauth/{provider}/callback', '{provider}/callback'))
  @ApiExcludeEndpoint()
  head(): void {}

  @ThrottleInvalidTokens()
  @Get(eachProvider('oauth/{provider}/callback', '{provider}/callback'))
  @ApiOperation({
    summary: 'Callback: the provider redirects the browser here',
    description:
      'Answers tokens. If the start named a `redirect_uri`, redirects there with `provider`, `state` and either `code`, ' +
      'to be exchanged within 60 seconds, or `error`, one of the error types below. Only the browser that started the ' +
      'sign-in can finish it here; a start answered in JSON, only if it had a `code_challenge` and a `redirect_uri`.',
  })
  @ApiQuery({ name: 'code', required: false })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'error', required: false })
  @Answers(200, TokenBody)
  @ApiResponse({ status: 302, description: 'To the `redirect_uri` of the start' })
  @ApiErrors(...CALLBACK_ERRORS)
  async finishSignInInBrowser(
    @NamedProvider() provider: Provider,
    @Query() query: Record<string, unknown>,
    @Headers('cookie') cookies: string | undefined,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenBody | undefined> {
    const { code, state, error } = query;
    const params = { provider, code, state, error, browserSecrets: this.browser.readSecrets(cookies) };
    const result = await this.callbacks.finishInBrowser(params, context);
    if (!('location' in result)) return result;
    void reply.status(302).header('location', result.location);
  }

  @ThrottleInvalidTokens()
  @Post(eachProvider('{provider}/callback'))
  @ApiOperation({ summary: 'Finish a sign-in with the parameters of the provider’s redirect' })
  @Answers(200, TokenBody)
  @ApiErrors(...CALLBACK_ERRORS)
  finishSignIn(
    @NamedProvider() provider: Provider,
    @Body() { code, state, code_verifier: codeVerifier }: CallbackBody,
    @Headers('cookie') cookies: string | undefined,
    @Context() context: RequestContext,
  ): Promise<TokenBody> {
    const params = { provider, code, state, browserSecrets: this.browser.readSecrets(cookies) };
    return this.callbacks.finish(params, codeVerifier, context);
  }

  @ThrottleInvalidTokens()
  @Post('oauth/exchange')
  @ApiOperation({ summary: 'Exchange the code of the redirect for tokens' })
  @Answers(200, SignInBody)
  @ApiErrors('invalid_code', 'account_disabled', 'rate_limited')
  exchangeCode(@Body() body: ExchangeBody, @Context() context: RequestContext): Promise<SignInBody> {
    return this.exchanges.exchange(body, context);
  }
}
