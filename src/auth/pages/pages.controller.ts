import { Body, Controller, Get, Header, HttpCode, Post, Query, UseFilters } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ThrottleInvalidTokens } from '../../rate-limit/invalid-token.interceptor.js';
import { toNfc } from '../../common/dto/text.js';
import { ApiErrors, Public } from '../../common/http/decorators.js';
import { AppError } from '../../common/errors.js';
import { Context } from '../../common/http/request-context.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import { EmailVerificationService } from '../email/email-verification.service.js';
import { PageErrorFilter } from './page-error.filter.js';
import { donePage, PAGE_CSP, resetPage, verifyPage } from './pages.js';
import { PasswordResetService } from '../passwords/password-reset.service.js';
import { ResetFormBody, VerifyFormBody } from '../passwords/password.dto.js';

const HTML = { content: { 'text/html': { schema: { type: 'string' as const } } } };
const FORM = 'application/x-www-form-urlencoded';

const PASSWORD_SET = 'You can now sign in with it. Your other devices were signed out.';

/** A repeated parameter is an array, which is no token. */
const asToken = (value: unknown): string => (typeof value === 'string' ? value : '');

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
    private readonly settings: Settings,
  ) {}

  @Get('password/reset')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', PAGE_CSP)
  @ApiOperation({ operationId: 'showResetPage', summary: 'Page: form to set a new password' })
  @ApiQuery({ name: 'token', type: String })
  @ApiOkResponse(HTML)
  @ApiErrors('invalid_or_expired_token', 'rate_limited')
  async showReset(@Query('token') value: unknown): Promise<string> {
    const token = asToken(value);
    const { email, used } = await this.resets.describe(token);
    return used ? this.done('Password set', PASSWORD_SET) : resetPage({ token, email }).markup;
  }

  @Post('pages/password-reset')
  @HttpCode(200)
  @RouteConfig({ forms: true })
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', PAGE_CSP)
  @ApiOperation({ operationId: 'submitResetPage', summary: 'Page: result of the form to set a new password' })
  @ApiConsumes(FORM)
  @ApiOkResponse(HTML)
  @ApiErrors('validation_failed', 'weak_password', 'invalid_or_expired_token', 'rate_limited', 'busy')
  async submitReset(@Body() form: ResetFormBody, @Context() context: RequestContext): Promise<string> {
    if (toNfc(form.password) !== toNfc(form.password_repeat))
      throw new AppError('validation_failed', {
        details: [{ field: 'password_repeat', rule: 'mismatch', message: 'the two passwords differ' }],
      });
    await this.resets.reset(form, context);
    return this.done('Your new password is set', PASSWORD_SET);
  }

  @Get('email/verify')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', PAGE_CSP)
  @ApiOperation({ operationId: 'showVerifyPage', summary: 'Page: form to confirm an address' })
  @ApiQuery({ name: 'token', type: String })
  @ApiOkResponse(HTML)
  @ApiErrors('invalid_or_expired_token', 'rate_limited')
  async showVerify(@Query('token') value: unknown): Promise<string> {
    const token = asToken(value);
    const { email, used } = await this.verification.describe(token);
    return used ? this.confirmed(true) : verifyPage({ token, email }).markup;
  }

  @Post('pages/email-verify')
  @HttpCode(200)
  @RouteConfig({ forms: true })
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', PAGE_CSP)
  @ApiOperation({ operationId: 'submitVerifyPage', summary: 'Page: result of the form to confirm an address' })
  @ApiConsumes(FORM)
  @ApiOkResponse(HTML)
  @ApiErrors('validation_failed', 'invalid_or_expired_token', 'invalid_credentials', 'rate_limited', 'busy')
  async submitVerify(@Body() form: VerifyFormBody, @Context() context: RequestContext): Promise<string> {
    return this.confirmed(await this.verification.verify(form, null, context));
  }

  private confirmed(before: boolean): string {
    const title = before ? 'Your address is already confirmed' : 'Your address is confirmed';
    return this.done(title, 'Thank you. You can close this page.');
  }

  private done(title: string, text: string): string {
    return donePage(title, text, this.settings.appPublicUrl).markup;
  }
}
