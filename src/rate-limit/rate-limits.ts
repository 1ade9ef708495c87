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

/** The number of clients assumed behind a proxy that hides them. */
const PROXY_CLIENTS_RATIO = 50;
const HOUR_SECONDS = 3600;
const MINUTE_SECONDS = 60;

function limitsOf(rates: RateLimitSettings) {
  const seconds = rates.loginWindowSeconds;
  return {
    loginPair: { points: rates.loginPairFailures, seconds },
    loginAddress: { points: rates.loginAddressFailures, seconds },
    loginIp: { points: rates.loginIpFailures, seconds },
    // Wrong codes of a second factor, by account and client, and of one sign-in.
    mfaCodes: { points: rates.loginPairFailures, seconds },
    mfaToken: { points: rates.loginPairFailures, seconds },
    signIns: { points: rates.signIns, seconds: HOUR_SECONDS },
    writes: { points: rates.writes, seconds: MINUTE_SECONDS },
    services: { points: rates.services, seconds: MINUTE_SECONDS },
    registerPerIp: { points: rates.registerPerIp, seconds: HOUR_SECONDS },
    forgotPerIp: { points: rates.forgotPerIp, seconds: HOUR_SECONDS },
    // Separate, so that one kind of mail does not block the others.
    resetMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    verificationMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    changeMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    alreadyRegisteredMail: { points: rates.mailPerAddress, seconds: HOUR_SECONDS },
    tokenPerIp: { points: rates.tokenPerIp, seconds: MINUTE_SECONDS },
    otherNetworkNotice: { points: 1, seconds: HOUR_SECONDS },
    webauthnPerIp: { points: rates.webauthnPerIp, seconds: MINUTE_SECONDS },
    oauthPerIp: { points: rates.oauthPerIp, seconds: MINUTE_SECONDS },
  } satisfies Record<string, Limit>;
}

export type LimitName = keyof ReturnType<typeof limitsOf>;

/** The opaque parts of a key. */
type KeyParts = readonly string[];

export const clientFactor = ({ behindProxy }: ClientAddress): number => (behindProxy ? PROXY_CLIENTS_RATIO : 1);

/**
 * All limits of the service. Keys are MACs, so that e-mail and IP addresses cannot be read or guessed from Redis.
 */
@Injectable()
export class RateLimits {
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

  /** Counts one use. @param factor multiplies the limit */
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

  count(name: LimitName, parts: KeyParts): Promise<number> {
    return this.limiters[name].counted(this.keyOf(parts));
  }

  /**
   * Counts one use and sends the state as `RateLimit-*` headers. The key must belong to the caller alone, because the headers
   * would disclose the activity of others.
   * @throws AppError `rate_limited` over the limit
   */
  async require(name: LimitName, context: RequestContext, parts: KeyParts, factor = 1): Promise<void> {
    if (!this.enabled) return;
    const result = await this.consume(name, parts, factor);
    this.show(context, result);
    if (!result.allowed) throw this.toError(name, context, result.resetsIn);
  }

  requireByClient(name: LimitName, context: RequestContext): Promise<void> {
    return this.require(name, context, [clientKey(context)], clientFactor(context));
  }

  /**
   * Counts a requested mail, per mailbox and client and per mailbox.
   * @returns false if the limit of the mailbox is reached, which the answer must not disclose
   * @throws AppError `rate_limited` if this client alone has reached it
   */
  async allowsMail(name: LimitName, context: RequestContext, email: string): Promise<boolean> {
    if (!this.enabled) return true;
    const mailbox = mailboxOf(email);
    if (!context.behindProxy) await this.require(name, context, [mailbox, clientKey(context)]);
    return (await this.consume(name, [mailbox])).allowed;
  }

  /** Of several limits, the headers show the one with the fewest uses left. */
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

  /** @param resetsIn milliseconds */
  toError(name: LimitName, context: RequestContext, resetsIn: number): AppError {
    context.exceededLimit = name;
    rateLimited.inc({ limit: name });
    return new AppError('rate_limited', { retryAfter: Math.ceil(resetsIn / 1000) });
  }

  private keyOf(parts: KeyParts): string {
    return this.keyRing.sign('rate-limits', JSON.stringify(parts)).toString('base64url');
  }
}
