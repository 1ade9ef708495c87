import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Throttle, ThrottleGuesses } from '../cache/throttle.js';
import { ApiErrors, Public } from '../common/decorators.js';
import { Context } from '../common/request-context.js';
import type { RequestContext } from '../common/request-context.js';
import type { Provider } from '../config/settings.secrets.js';
import { TokenBody } from './auth.dto.js';
import { OAuthBrowser } from './oauth-browser.js';
import { OAuthCallbackService } from './oauth-callback.service.js';
import { OAuthExchangeService } from './oauth-exchange.service.js';
import { eachProvider, NamedProvider } from './oauth-routes.js';
import { OAuthStartService } from './oauth-start.service.js';
import { AuthUrlBody, CallbackBody, ExchangeBody, StartBody } from './oauth.dto.js';

const CALLBACK_ERRORS = [
  'invalid_state',
  'oauth_denied',
  'oauth_failed',
  'account_disabled',
  'provider_email_unverified',
  'provider_not_configured',
  'provider_unavailable',
  'rate_limited',
  'busy',
] as const;

/** True for a script that asks for JSON; a browser that opens a page names HTML too. */
function wantsJson(accept = ''): boolean {
  return accept.includes('application/json') && !accept.includes('text/html');
}

@ApiTags('auth')
@Public()
@Controller('auth')
export class OAuthController {
  constructor(
    private readonly starts: OAuthStartService,
    private readonly callbacks: OAuthCallbackService,
    private readonly exchanges: OAuthExchangeService,
    private readonly browser: OAuthBrowser,
  ) {}

  @Throttle('oauthPerIp')
  @Get(eachProvider('oauth/{provider}'))
  @ApiOperation({
    summary: 'Sign in at a provider',
    description:
      'Sends the browser to the provider and binds the sign-in to it by a cookie. With `Accept: application/json` the ' +
      'address is given instead and no cookie set: the client then keeps `state` and compares it with what comes back.',
  })
  @ApiQuery({ name: 'redirect_uri', required: false, description: 'An address of the allow-list, to end up at' })
  @ApiResponse({ status: 302, description: 'To the provider' })
  @ApiOkResponse({ type: AuthUrlBody, description: 'With `Accept: application/json`' })
  @ApiErrors('redirect_not_allowed', 'provider_not_configured', 'rate_limited')
  async start(
    @NamedProvider() provider: Provider,
    @Query('redirect_uri') redirectUri: unknown,
    @Headers('accept') accept: string | undefined,
    @Headers('cookie') cookies: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AuthUrlBody | undefined> {
    if (wantsJson(accept)) return this.starts.start(provider, redirectUri, null);
    const { auth_url } = await this.starts.start(provider, redirectUri, () => this.browser.mark(reply, cookies));
    void reply.status(302).header('location', auth_url);
  }

  @Throttle('oauthPerIp')
  @Post(eachProvider('{provider}'))
  @HttpCode(200)
  @ApiOperation({ summary: 'The address of the provider, for an app that opens it itself' })
  @ApiQuery({ name: 'redirect_uri', required: false, description: 'An address of the allow-list, to end up at' })
  @ApiBody({ type: StartBody, required: false })
  @ApiOkResponse({ type: AuthUrlBody })
  @ApiErrors('validation_failed', 'redirect_not_allowed', 'provider_not_configured', 'rate_limited')
  startInApp(
    @NamedProvider() provider: Provider,
    @Query('redirect_uri') redirectUri: unknown,
    @Body() _body: StartBody,
  ): Promise<AuthUrlBody> {
    return this.starts.start(provider, redirectUri, null);
  }

  @ThrottleGuesses()
  @Get(eachProvider('oauth/{provider}/callback', '{provider}/callback'))
  @ApiOperation({
    summary: 'Where the provider sends the browser back to',
    description:
      'Answers tokens. Where the start named a `redirect_uri`, redirects there with `provider`, `state` and either `code`, ' +
      'to be exchanged within 60 seconds, or `error`, one of the error types below.',
  })
  @ApiQuery({ name: 'code', required: false })
  @ApiQuery({ name: 'state', required: false })
  @ApiQuery({ name: 'error', required: false })
  @ApiOkResponse({ type: TokenBody })
  @ApiResponse({ status: 302, description: 'To the `redirect_uri` of the start' })
  @ApiErrors(...CALLBACK_ERRORS)
  async callback(
    @NamedProvider() provider: Provider,
    @Query() query: Record<string, unknown>,
    @Headers('cookie') cookies: string | undefined,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenBody | undefined> {
    const { code, state, error } = query;
    const answer = { provider, code, state, error, browserSecret: this.browser.recognise(cookies) };
    const end = await this.callbacks.finishInBrowser(answer, context);
    if (!('location' in end)) return end;
    void reply.status(302).header('location', end.location);
  }

  @ThrottleGuesses()
  @Post(eachProvider('{provider}/callback'))
  @HttpCode(200)
  @ApiOperation({ summary: 'Finish a sign-in with what the provider gave the app' })
  @ApiOkResponse({ type: TokenBody })
  @ApiErrors('validation_failed', 'invalid_json', ...CALLBACK_ERRORS)
  finishInApp(
    @NamedProvider() provider: Provider,
    @Body() { code, state }: CallbackBody,
    @Headers('cookie') cookies: string | undefined,
    @Context() context: RequestContext,
  ): Promise<TokenBody> {
    const answer = { provider, code, state, browserSecret: this.browser.recognise(cookies) };
    return this.callbacks.finish(answer, context);
  }

  @ThrottleGuesses()
  @Post('oauth/exchange')
  @HttpCode(200)
  @ApiOperation({ summary: 'Tokens for the code of the redirect' })
  @ApiOkResponse({ type: TokenBody })
  @ApiErrors('validation_failed', 'invalid_json', 'invalid_code', 'account_disabled', 'rate_limited')
  redeem(@Body() body: ExchangeBody, @Context() context: RequestContext): Promise<TokenBody> {
    return this.exchanges.redeem(body, context);
  }
}
