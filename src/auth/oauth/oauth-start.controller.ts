import { applyDecorators, Body, Controller, Get, Head, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Throttle } from '../../rate-limit/throttle.guard.js';
import { Answers, ApiErrors, Public } from '../../common/http/decorators.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import { OAuthStateCookie } from './oauth-state-cookie.js';
import { eachProvider, NamedProvider } from './oauth-routes.js';
import { START_PAGE_CSP, startPage, toProviderPage } from './oauth-start-page.js';
import { OAuthStartService } from './oauth-start.service.js';
import { AuthUrlBody, StartBody } from './oauth.dto.js';

function ApiStartQuery() {
  const pattern = '^[A-Za-z0-9_-]{43}$';
  const description = 'PKCE (RFC 7636, S256): the exchange, or the POST callback, must then send the verifier';
  return applyDecorators(
    ApiQuery({
      name: 'redirect_uri',
      required: false,
      description: 'An address of the front end, from the allow-list',
    }),
    ApiQuery({ name: 'code_challenge', required: false, description, schema: { type: 'string', pattern } }),
  );
}

const PAGE_HEADERS = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': START_PAGE_CSP };

const startOptions = (query: Record<string, unknown>) => ({
  redirectUri: query.redirect_uri,
  challenge: query.code_challenge,
});

/** A browser that opens a page also accepts HTML. */
function wantsJson(accept = ''): boolean {
  return accept.includes('application/json') && !accept.includes('text/html');
}

@ApiTags('auth')
@Public()
@Controller('auth')
export class OAuthStartController {
  constructor(
    private readonly starts: OAuthStartService,
    private readonly browser: OAuthStateCookie,
    private readonly settings: Settings,
  ) {}

  /** Without this route the handler of GET would answer HEAD, and a link preview would start a sign-in. */
  @Head(eachProvider('oauth/{provider}'))
  @ApiExcludeEndpoint()
  head(): void {}

  @Throttle('oauthPerIp')
  @Get(eachProvider('oauth/{provider}'))
  @ApiOperation({
    summary: 'Sign in at a provider',
    description:
      'Redirects to the provider and binds the sign-in to the browser by a cookie. With `Accept: application/json` it ' +
      'answers the URL and sets no cookie: the client then keeps `state`, compares it with the one of the callback and ' +
      'finishes by POST; or it sends a `code_challenge` and a `redirect_uri` and exchanges the code. Where `OAUTH_START` is ' +
      '`page`, a browser gets a page that leads to the provider instead of a redirect.',
  })
  @ApiStartQuery()
  @ApiResponse({ status: 302, description: 'To the provider' })
  @ApiOkResponse({ type: AuthUrlBody, description: 'With `Accept: application/json`' })
  @ApiErrors('validation_failed', 'redirect_not_allowed', 'provider_not_configured', 'rate_limited')
  async startSignIn(
    @NamedProvider() provider: Provider,
    @Query() query: Record<string, unknown>,
    @Headers('accept') accept: string | undefined,
    @Headers('cookie') cookies: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AuthUrlBody | string | undefined> {
    if (wantsJson(accept)) return this.starts.start(provider, startOptions(query), null);
    if (this.settings.oauth.start === 'page') {
      this.starts.check(provider, startOptions(query));
      void reply.headers(PAGE_HEADERS);
      return startPage(provider);
    }
    const setSecret = () => this.browser.setSecret(reply, cookies);
    const { auth_url } = await this.starts.start(provider, startOptions(query), setSecret);
    void reply.status(302).header('location', auth_url);
  }

  /** What the page of `OAUTH_START=page` posts to. */
  @Throttle('oauthPerIp')
  @Post(eachProvider('oauth/{provider}'))
  @HttpCode(200)
  @RouteConfig({ forms: true })
  @ApiExcludeEndpoint()
  async startFromPage(
    @NamedProvider() provider: Provider,
    @Query() query: Record<string, unknown>,
    @Headers('cookie') cookies: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const setSecret = () => this.browser.setSecret(reply, cookies);
    const { auth_url } = await this.starts.start(provider, startOptions(query), setSecret);
    void reply.headers(PAGE_HEADERS);
    return toProviderPage(provider, auth_url);
  }

  @Throttle('oauthPerIp')
  @Post(eachProvider('{provider}'))
  @ApiOperation({ summary: 'The URL of the provider, for an app that opens it itself' })
  @ApiStartQuery()
  @Answers(200, AuthUrlBody)
  @ApiErrors('redirect_not_allowed', 'provider_not_configured', 'rate_limited')
  createSignIn(
    @NamedProvider() provider: Provider,
    @Query() query: Record<string, unknown>,
    @Body() _body: StartBody,
  ): Promise<AuthUrlBody> {
    return this.starts.start(provider, startOptions(query), null);
  }
}
