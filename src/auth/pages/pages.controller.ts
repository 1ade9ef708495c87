import {
  applyDecorators,
  Body,
  Controller,
  createParamDecorator,
  Get,
  Header,
  HttpCode,
  Post,
  Query,
  Res,
  UseFilters,
} from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiConsumes, ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import type { Html } from '../../common/http/html.js';
import { toNfc } from '../../common/dto/text.js';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { ErrorType, invalidField } from '../../common/errors.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import { EmailVerificationService } from '../email/email-verification.service.js';
import { NotMeFormBody } from '../not-me/not-me.dto.js';
import { NotMeService } from '../not-me/not-me.service.js';
import { PageErrorFilter } from './page-error.filter.js';
import { cspOf, PAGE_CSP } from './page-style.js';
import { pageLocale, Pages } from './pages.js';
import { PASSKEY_SCRIPT } from './passkey-script.js';
import { PasswordResetService } from '../passwords/password-reset.service.js';
import { ResetFormBody, VerifyFormBody } from '../passwords/password.dto.js';

const HTML = { content: { 'text/html': { schema: { type: 'string' as const } } } };

/** A repeated parameter is an array, which is no token. */
const asToken = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The language that the request asks for; null if it names none. */
const PageLocale = createParamDecorator((_: unknown, host: ExecutionContext) =>
  pageLocale(host.switchToHttp().getRequest<FastifyRequest>()),
);

const PageHeaders = () =>
  applyDecorators(
    Header('content-type', 'text/html; charset=utf-8'),
    Header('content-security-policy', PAGE_CSP),
    ApiOkResponse(HTML),
  );

function ShownPage(path: string, summary: string) {
  return applyDecorators(
    Get(path),
    PageHeaders(),
    ApiOperation({ summary }),
    ApiQuery({ name: 'token', type: String }),
    ApiErrors('invalid_or_expired_token', 'rate_limited'),
  );
}

function SubmittedPage(path: string, summary: string, ...errors: ErrorType[]) {
  return applyDecorators(
    Post(path),
    HttpCode(200),
    RouteConfig({ forms: true }),
    PageHeaders(),
    ApiOperation({ summary }),
    ApiConsumes('application/x-www-form-urlencoded'),
    ApiErrors('invalid_or_expired_token', 'rate_limited', ...errors),
  );
}

/**
 * Pages behind mailed links, for use without a front end. The forms need no CSRF token: their only credential is the one-time
 * token in the form, which an attacker does not have.
 */
@ApiTags('pages')
@Public()
@ThrottleInvalidTokens()
@UseFilters(PageErrorFilter)
@Controller('auth')
export class PagesController {
  constructor(
    private readonly resets: PasswordResetService,
    private readonly verification: EmailVerificationService,
    private readonly notMe: NotMeService,
    private readonly settings: Settings,
  ) {}

  @ShownPage('password/reset', 'Page: form to set a new password')
  async showResetPage(
    @Query('token') value: unknown,
    @PageLocale() locale: string | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const token = asToken(value);
    const { owner, used, needsCode } = await this.resets.describe(token);
    const pages = new Pages(locale ?? owner.locale);
    if (used) return pages.resetDone(this.settings.appPublicUrl).markup;
    return this.send(reply, pages.reset({ token, email: owner.email }, needsCode, needsCode));
  }

  @SubmittedPage(
    'pages/password-reset',
    'Page: result of the form to set a new password',
    'weak_password',
    'invalid_mfa_code',
    'invalid_passkey',
  )
  async submitResetPage(
    @Body() form: ResetFormBody,
    @PageLocale() locale: string | null,
    @Context() context: RequestContext,
  ): Promise<string> {
    if (toNfc(form.password) !== toNfc(form.password_repeat))
      throw invalidField('password_repeat', 'mismatch', 'the two passwords differ');
    await this.resets.reset(form, context);
    return new Pages(locale).resetDone(this.settings.appPublicUrl).markup;
  }

  @ShownPage('email/verify', 'Page: form to confirm an address')
  async showVerifyPage(
    @Query('token') value: unknown,
    @PageLocale() locale: string | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const token = asToken(value);
    const { owner, email, used } = await this.verification.describe(token);
    const withPasskey = owner.passkeyStatus === 'unproven';
    const pages = new Pages(locale ?? owner.locale);
    if (used) return pages.verifyDone(true, this.settings.appPublicUrl).markup;
    return this.send(reply, pages.verify({ token, email }, withPasskey));
  }

  @SubmittedPage(
    'pages/email-verify',
    'Page: result of the form to confirm an address',
    'invalid_credentials',
    'invalid_passkey',
    'email_taken',
  )
  async submitVerifyPage(
    @Body() form: VerifyFormBody,
    @PageLocale() locale: string | null,
    @Context() context: RequestContext,
  ): Promise<string> {
    const before = await this.verification.verify(form, null, context);
    return new Pages(locale).verifyDone(before, this.settings.appPublicUrl).markup;
  }

  @ShownPage('account/not-me', 'Page: form to undo a security event')
  async showNotMePage(
    @Query('token') value: unknown,
    @PageLocale() locale: string | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const token = asToken(value);
    const { owner, used, restores, methods } = await this.notMe.describe(token);
    const pages = new Pages(locale ?? owner.locale);
    if (used) return pages.notMeDone(this.settings.appPublicUrl).markup;
    return this.send(reply, pages.notMe(token, restores, methods));
  }

  @SubmittedPage(
    'pages/not-me',
    'Page: result of the form to undo a security event',
    'invalid_mfa_code',
    'mfa_required',
    'invalid_passkey',
    'email_taken',
  )
  async submitNotMePage(
    @Body() form: NotMeFormBody,
    @PageLocale() locale: string | null,
    @Context() context: RequestContext,
  ): Promise<string> {
    await this.notMe.report(form, context);
    return new Pages(locale).notMeDone(this.settings.appPublicUrl).markup;
  }

  @Get('pages/passkey.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', 'public, max-age=300')
  @ApiExcludeEndpoint()
  script(): string {
    return PASSKEY_SCRIPT;
  }

  private send(reply: FastifyReply, page: Html): string {
    void reply.header('content-security-policy', cspOf(page));
    return page.markup;
  }
}
