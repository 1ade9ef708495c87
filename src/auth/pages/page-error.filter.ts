import { ArgumentsHost, Catch, ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toAppError } from '../../common/http/error.filter.js';
import { AppError, errorBody, errorHeaders, ErrorType } from '../../common/errors.js';
import type { Html } from '../../common/http/html.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import type { MfaMethod } from '../mfa/mfa.dto.js';
import { cspOf } from './page-style.js';
import { pageLocale, Pages } from './pages.js';

const CORRIGIBLE = new Set<ErrorType>([
  'weak_password',
  'validation_failed',
  'invalid_credentials',
  'invalid_mfa_code',
  'invalid_passkey',
  'mfa_required',
]);

/** Of the values that a page shows again. */
const [MAX_TOKEN_CHARS, MAX_EMAIL_CHARS] = [64, 254];

/** Answers errors as pages, or with the usual body to a client that does not accept HTML. */
@Catch()
export class PageErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = toAppError(thrown);
    request.context.refusal = error;
    if (error.status >= 500) this.logger.error({ err: thrown, request_id: request.id }, error.type);
    void reply.status(error.status).headers(errorHeaders(error));
    // Set either way, because the handler may have set it to HTML.
    if (request.headers.accept?.includes('text/html')) {
      const page = this.render(error, request);
      void reply
        .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': cspOf(page) })
        .send(page.markup);
    } else void reply.header('content-type', 'application/json; charset=utf-8').send(errorBody(error, request.id));
  }

  /** Errors that can be corrected show the form again. */
  private render(error: AppError, request: FastifyRequest): Html {
    const { token, email, recovery_code: code, credential } = (request.body ?? {}) as Record<string, unknown>;
    const pages = new Pages(pageLocale(request));
    if (!CORRIGIBLE.has(error.type) || typeof token !== 'string' || token.length > MAX_TOKEN_CHARS)
      return pages.error(error);
    const shown = { token, email: typeof email === 'string' && email.length <= MAX_EMAIL_CHARS ? email : '' };
    const messages = pages.messagesOf(error);
    // A form that offers a passkey sends the field, empty or not.
    const withPasskey = credential !== undefined;
    const methods: MfaMethod[] = withPasskey ? ['recovery_code', 'passkey'] : ['recovery_code'];
    if (request.routeOptions.url?.endsWith('/not-me')) return pages.notMe(token, null, methods, messages);
    const withCode = code !== undefined || error.type === 'invalid_mfa_code';
    if (request.routeOptions.url?.endsWith('/password-reset'))
      return pages.reset(shown, withCode, withPasskey || error.type === 'invalid_mfa_code', messages);
    return pages.verify(shown, withPasskey, messages);
  }
}
