import { CallHandler, ExecutionContext, Injectable, NestInterceptor, UseInterceptors } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { catchError, Observable } from 'rxjs';
import { AppError, ErrorType } from '../common/errors.js';
import type { RequestContext } from '../common/http/request-context.js';
import { clientKey } from './ip-prefix.js';
import type { RateLimitResult } from './limiter.js';
import { clientFactor, RateLimits } from './rate-limits.js';

/** Answers that say: this token was not one of ours. */
const INVALID_TOKEN_ERRORS = new Set<ErrorType>([
  'invalid_or_expired_token',
  'invalid_refresh_token',
  'invalid_code',
  'invalid_state',
]);

/** Addresses refused for guessing that are remembered at once. */
const MAX_BLOCKED_ENTRIES = 10_000;

/** Counts the wrong guesses at tokens; a right token costs nothing, not even a look into Redis. */
@Injectable()
export class InvalidTokenInterceptor implements NestInterceptor {
  /** What each client that has used up its guesses was told last. */
  private readonly refused = new Map<string, { taken: RateLimitResult; untilMs: number }>();

  constructor(private readonly limits: RateLimits) {}

  intercept(host: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!this.limits.enabled) return next.handle();
    const context = host.switchToHttp().getRequest<FastifyRequest>().context;
    const client = clientKey(context);
    const refused = this.refused.get(client);
    const resetsIn = (refused?.untilMs ?? 0) - Date.now();
    if (refused && resetsIn > 0) throw this.refuse(context, { ...refused.taken, resetsIn });
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        if (error instanceof AppError && INVALID_TOKEN_ERRORS.has(error.type)) await this.count(client, context);
        throw error;
      }),
    );
  }

  private async count(client: string, context: RequestContext): Promise<void> {
    const taken = await this.limits.consume('tokenPerIp', [client], clientFactor(context));
    if (taken.allowed) return this.limits.show(context, taken);
    this.refused.delete(client);
    this.refused.set(client, { taken, untilMs: Date.now() + taken.resetsIn });
    if (this.refused.size > MAX_BLOCKED_ENTRIES) this.refused.delete(this.refused.keys().next().value!);
    throw this.refuse(context, taken);
  }

  private refuse(context: RequestContext, taken: RateLimitResult): AppError {
    this.limits.show(context, taken);
    return this.limits.toError('tokenPerIp', context, taken.resetsIn);
  }
}

/** For routes that take a secret token: whoever guesses wrongly too often is refused for a while. */
export function ThrottleInvalidTokens() {
  return UseInterceptors(InvalidTokenInterceptor);
}
