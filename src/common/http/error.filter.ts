import { isNativeError } from 'node:util/types';
import { ArgumentsHost, Catch, ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { databaseError } from '../database-errors.js';
import { AppError, errorBody, ErrorType, errorHeaders } from '../errors.js';
import type { Logger } from '../logging/logger.js';

/** For errors of Fastify and Nest. */
const BY_STATUS: Record<number, ErrorType> = {
  400: 'bad_request',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
};

/** Node's error for a body whose client has left; its code is also that of a lost connection to PostgreSQL. */
const isAborted = (thrown: unknown) => isNativeError(thrown) && thrown.message === 'aborted';

/** Maps anything thrown to an AppError; unknown errors become `internal_error`. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isAborted(thrown)) return new AppError('bad_request');
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: number })?.statusCode;
  const type = status === undefined ? undefined : BY_STATUS[status];
  if (type === 'bad_request' && /JSON/.test(String((thrown as Error).message))) return new AppError('invalid_json');
  return type ? new AppError(type) : (databaseError(thrown) ?? new AppError('internal_error'));
}

/** Answers errors with `errorBody`; the cause of a 5xx is only logged. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    // The answer has begun, or a Passport strategy has sent it.
    if (reply.sent) return;
    const error = toAppError(thrown);
    if (request.context) request.context.refusal = error;
    this.log(thrown, error, request);
    void reply.status(error.status).headers(errorHeaders(error)).send(errorBody(error, request.id));
  }

  /** An AppError, such as a probe's 503 while draining, is intended: it is logged without a stack. */
  private log(thrown: unknown, error: AppError, request: FastifyRequest): void {
    const fields = { request_id: request.id, route: request.routeOptions?.url };
    if (thrown instanceof AppError) return void (error.status >= 500 && this.logger.warn(fields, error.type));
    if (error.status >= 500 || error.type === 'busy') this.logger.error({ err: thrown, ...fields }, error.type);
    else if (!isAborted(thrown) && databaseError(thrown))
      this.logger.warn({ err: thrown, ...fields }, 'PostgreSQL refused a value that validation accepted');
  }
}
