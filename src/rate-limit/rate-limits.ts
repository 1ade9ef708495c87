import { Injectable } from '@nestjs/common';
import type { ClientAddress } from '../common/http/client-address.js';
import { mailboxOf } from '../common/dto/email-address.js';
import { AppError } from '../common/errors.js';
import { rateLimited } from '../common/logging/metrics.js';
import type { RequestContext } from '../common/http/request-context.js';
import { RateLimitSettings, Settings } from '../config/settings.js';
import { KeyRing } from '../crypto/key-ring.js';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { Limit, Limiter, RateLimitResult } from './limiter.js';
import { clientKey } from './ip-prefix.js';

/** How many clients a proxy is taken for whose clients cannot be told apart. */
const PROXY_CLIENTS_RATIO = 50;
const HOUR_SECONDS = 3600;
const MINUTE_SECONDS = 60;

function limitsOf(rates: RateLimitSettings) {
  const seconds = rates.loginWindowSeconds;
  return {
    loginPair: { points: rates.loginPairFailures, seconds },
    loginAddress: { points: rates.loginAddressFailures, seconds },
    loginIp: { points: rates.loginIpFailures, seconds },
    signIns: { points: rates.signIns, seconds: HOUR_SECONDS },
    writes: { points: rates.writes, seconds: MINUTE_SECONDS },
    services: { points: rates.services, seconds: MINUTE_SECONDS },
    registerPerIp: { points: rates.registerPerIp, seconds: HOUR_SECONDS },
    forgotPerIp: { points: rates.forgotPerIp, seconds: HOUR_SECONDS },
    // One count a kind of mail: using up one must not stop the others.
    resetMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    verificationMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    alreadyRegisteredMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    tokenPerIp: { points: rates.tokenPerIp, seconds: MINUTE_SECONDS },
    lockNotice: { points: 1, seconds: HOUR_SECONDS },
    reuseNotice: { points: 1, seconds: HOUR_SECONDS },
    otherNetworkNotice: { points: 1, seconds: HOUR_SECONDS },
    oauthPerIp: { points: rates.oauthPerIp, seconds: MINUTE_SECONDS },
  } satisfies Record<string, Limit>;
}

export type LimitName = keyof ReturnType<typeof limitsOf>;

/** Who is counted: opaque parts of a key. */
type KeyParts = readonly string[];

export const clientFactor = ({ behindProxy }: ClientAddress): number => (behindProxy ? PROXY_CLIENTS_RATIO : 1);

/**
 * All limits of the service. Keys are MACs, so neither addresses nor IP addresses stand in Redis, and nobody who reads it
 * can find them by trying.
 */
@Injectable()
export class RateLimits {
  /** False where RATE_LIMIT_ENABLED lifts every limit. */
  readonly enabled: boolean;
  private readonly limiters: Record<LimitName, Limiter>;

  constructor(
    settings: Settings,
    breaker: CircuitBreaker,
    private readonly keyRing: KeyRing,
  ) {
    this.enabled = settings.rateLimits.enabled;
    this.limiters = Object.fromEntries(
      Object.entries(limitsOf(settings.rateLimits)).map(([name, limit]) => [name, new Limiter(name, limit, breaker)]),
    ) as Record<LimitName, Limiter>;
  }

  /** Counts one use. @param factor how many times the configured number may be reached */
  consume(name: LimitName, parts: KeyParts, factor?: number): Promise<RateLimitResult> {
    return this.limiters[name].consume(this.keyOf(parts), factor);
  }

  lock(name: LimitName, parts: KeyParts): Promise<void> {
    return this.limiters[name].lock(this.keyOf(parts));
  }

  /** @returns milliseconds until the lock ends, 0 without one */
  blockedForMs(name: LimitName, parts: KeyParts): Promise<number> {
    return this.limiters[name].blockedForMs(this.keyOf(parts));
  }

  /** What is counted now. */
  count(name: LimitName, parts: KeyParts): Promise<number> {
    return this.limiters[name].counted(this.keyOf(parts));
  }

  /**
   * Counts one use and shows the state in the `RateLimit-*` headers of the answer: only the caller's own uses may be counted
   * under these parts, since what others did would tell of them.
   * @throws AppError `rate_limited` beyond the limit
   */
  async require(name: LimitName, context: RequestContext, parts: KeyParts, factor = 1): Promise<void> {
    if (!this.enabled) return;
    const taken = await this.consume(name, parts, factor);
    this.show(context, taken);
    if (!taken.allowed) throw this.toError(name, context, taken.resetsIn);
  }

  requireByClient(name: LimitName, context: RequestContext): Promise<void> {
    return this.require(name, context, [clientKey(context)], clientFactor(context));
  }

  /**
   * Counts a mail that was asked for.
   * @returns false where others have asked for as many as the mailbox may get; the answer must not tell
   * @throws AppError `rate_limited` where this client alone has asked for more
   */
  async allowsMail(name: LimitName, context: RequestContext, email: string): Promise<boolean> {
    if (!this.enabled) return true;
    const mailbox = mailboxOf(email);
    if (!context.behindProxy) await this.require(name, context, [mailbox, clientKey(context)]);
    return (await this.consume(name, [mailbox])).allowed;
  }

  /** Of several limits the answer shows the one that is nearest to its end. */
  show(
    context: RequestContext,
    { limit, count, resetsIn }: Pick<RateLimitResult, 'limit' | 'count' | 'resetsIn'>,
  ): void {
    const remaining = Math.max(0, limit - count);
    if (context.rateLimit && context.rateLimit.remaining < remaining) return;
    context.rateLimit = { limit, remaining, reset: Math.ceil(resetsIn / 1000) };
  }

  showUsedUp(name: LimitName, context: RequestContext, resetsIn: number): void {
    const limit = this.limiters[name].limit.points;
    this.show(context, { limit, count: limit, resetsIn });
  }

  /** The error of a limit that is used up. @param resetsIn milliseconds */
  toError(name: LimitName, context: RequestContext, resetsIn: number): AppError {
    context.exceededLimit = name;
    rateLimited.inc({ limit: name });
    return new AppError('rate_limited', { retryAfter: Math.ceil(resetsIn / 1000) });
  }

  private keyOf(parts: KeyParts): string {
    return this.keyRing.sign('rate-limits', JSON.stringify(parts)).toString('base64url');
  }
}
