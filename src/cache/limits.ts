import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import { rateLimited } from '../common/metrics.js';
import type { RequestContext } from '../common/request-context.js';
import { RateLimits, Settings } from '../config/settings.js';
import { deriveKey, mac } from '../crypto/tokens.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { Limit, Limiter, Taken } from './limiter.js';
import { clientNetwork } from './network.js';

const HOUR = 3600;
const MINUTE = 60;

function limitsOf(rates: RateLimits) {
  const seconds = rates.loginWindowSeconds;
  return {
    loginPair: { points: rates.loginPairFailures, seconds },
    loginAddress: { points: rates.loginAddressFailures, seconds },
    loginIp: { points: rates.loginIpFailures, seconds },
    registerPerIp: { points: rates.registerPerIp, seconds: HOUR },
    forgotPerIp: { points: rates.forgotPerIp, seconds: HOUR },
    // One count a kind of mail: using up one must not stop the others.
    resetMail: { points: rates.mailPerAddress, seconds: HOUR },
    verificationMail: { points: rates.mailPerAddress, seconds: HOUR },
    alreadyRegisteredMail: { points: rates.mailPerAddress, seconds: HOUR },
    tokenPerIp: { points: rates.tokenPerIp, seconds: MINUTE },
    oauthPerIp: { points: rates.oauthPerIp, seconds: MINUTE },
  } satisfies Record<string, Limit>;
}

export type LimitName = keyof ReturnType<typeof limitsOf>;

/**
 * All limits of the service. Keys are MACs, so neither addresses nor IP addresses stand in Redis, and nobody who reads it
 * can find them by trying.
 */
@Injectable()
export class Limits {
  /** False where RATE_LIMIT_ENABLED lifts every limit. */
  readonly enabled: boolean;
  private readonly limiters: Record<LimitName, Limiter>;
  private readonly key: Buffer;

  constructor(settings: Settings, breaker: CircuitBreaker) {
    this.enabled = settings.rateLimits.enabled;
    this.key = deriveKey(settings.jwt.secret, 'rate-limits');
    this.limiters = Object.fromEntries(
      Object.entries(limitsOf(settings.rateLimits)).map(([name, limit]) => [name, new Limiter(name, limit, breaker)]),
    ) as Record<LimitName, Limiter>;
  }

  /** Counts one use by the parts of the key; they are opaque here, except that `null` differs from any text. */
  take(name: LimitName, ...parts: (string | null)[]): Promise<Taken> {
    return this.limiters[name].take(this.keyOf(parts));
  }

  lock(name: LimitName, ...parts: (string | null)[]): Promise<void> {
    return this.limiters[name].lock(this.keyOf(parts));
  }

  /** @returns milliseconds until the lock ends, 0 without one */
  lockedFor(name: LimitName, ...parts: (string | null)[]): Promise<number> {
    return this.limiters[name].lockedFor(this.keyOf(parts));
  }

  /** What is counted now. */
  counted(name: LimitName, ...parts: (string | null)[]): Promise<number> {
    return this.limiters[name].counted(this.keyOf(parts));
  }

  /**
   * Counts one use and shows the state in the `RateLimit-*` headers of the answer.
   * @throws AppError `rate_limited` beyond the limit
   */
  async require(name: LimitName, context: RequestContext, subject: string): Promise<void> {
    if (!this.enabled) return;
    const taken = await this.take(name, subject);
    if (!taken.allowed) throw this.refuse(name, context, taken.resetsIn);
    this.show(context, taken);
  }

  requireByIp(name: LimitName, context: RequestContext): Promise<void> {
    return this.require(name, context, clientNetwork(context.ipAddress));
  }

  /** Of several limits the answer shows the one that is nearest to its end. */
  show(context: RequestContext, { limit, count, resetsIn }: Pick<Taken, 'limit' | 'count' | 'resetsIn'>): void {
    const remaining = Math.max(0, limit - count);
    if (context.rateLimit && context.rateLimit.remaining < remaining) return;
    context.rateLimit = { limit, remaining, reset: Math.ceil(resetsIn / 1000) };
  }

  /** The error of a limit that is used up. @param resetsIn milliseconds */
  refuse(name: LimitName, context: RequestContext, resetsIn: number): AppError {
    const limit = this.limiters[name].limit.points;
    this.show(context, { limit, count: limit, resetsIn });
    rateLimited.inc({ limit: name });
    return new AppError('rate_limited', { retryAfter: Math.ceil(resetsIn / 1000) });
  }

  private keyOf(parts: (string | null)[]): string {
    return mac(this.key, JSON.stringify(parts)).toString('base64url');
  }
}
