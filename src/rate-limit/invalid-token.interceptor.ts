import { CallHandler, ExecutionContext, Injectable, NestInterceptor, UseInterceptors } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, Observable } from 'rxjs';
import { AppError, ErrorType } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import { clientKey } from './ip-prefix.js';
import type { RateLimitResult } from './limiter.js';
import { clientFactor, RateLimits } from './rate-limits.js';

const INVALID_TOKEN_ERRORS = new Set<ErrorType>([
  'invalid_or_expired_token',
  'invalid_refresh_token',
  'invalid_code',
  'invalid_passkey',
  'invalid_state',
]);

const MAX_BLOCKED_ENTRIES = 10_000;

/** Rate-limits invalid tokens per client; a valid one costs nothing, not even a Redis command. */
@Injectable()
export class InvalidTokenInterceptor implements NestInterceptor {
  /** The last result of each client over the limit. */
  private readonly blocked = new Map<string, { result: RateLimitResult; untilMs: number }>();

  constructor(private readonly limits: RateLimits) {}

  intercept(host: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!this.limits.enabled) return next.handle();
    const context = host.switchToHttp().getRequest<FastifyRequest>().context;
    const client = clientKey(context);
    const blocked = this.blocked.get(client);
    const resetsIn = (blocked?.untilMs ?? 0) - Date.now();
    if (blocked && resetsIn > 0) throw this.toError(context, { ...blocked.result, resetsIn });
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        if (error instanceof AppError && INVALID_TOKEN_ERRORS.has(error.type)) await this.count(client, context);
        throw error;
      }),
    );
  }

  private async count(client: string, context: RequestContext): Promise<void> {
    const result = await this.limits.consume('tokenPerIp', [client], clientFactor(context));
    if (result.allowed) return this.limits.show(context, result);
    this.blocked.delete(client);
    this.blocked.set(client, { result, untilMs: Date.now() + result.resetsIn });
    if (this.blocked.size > MAX_BLOCKED_ENTRIES) this.blocked.delete(this.blocked.keys().next().value!);
    throw this.toError(context, result);
  }

  private toError(context: RequestContext, result: RateLimitResult): AppError {
    this.limits.show(context, result);
    return this.limits.toError('tokenPerIp', context, result.resetsIn);
  }
}

/** For routes that take a secret token: limits guesses. */
export function ThrottleInvalidTokens() {
  return UseInterceptors(InvalidTokenInterceptor);
}
