import { Injectable } from '@nestjs/common';
import type { RateLimitResult } from '../../rate-limit/limiter.js';
import { clientFactor, type LimitName, RateLimits } from '../../rate-limit/rate-limits.js';
import { clientKey } from '../../rate-limit/ip-prefix.js';
import { mailboxOf } from '../../common/dto/email-address.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { LockNotice } from './lock-notice.js';
import { InFlightAttempts } from './in-flight-attempts.js';

interface Subject {
  email: string;
  /** 0 for an address without an account. */
  passwordGeneration: number;
}

/** A limit that a wrong password counts towards. */
interface Counter {
  name: LimitName;
  parts: string[];
  factor: number;
}

interface Attempt {
  email: string;
  context: RequestContext;
  counters: Counter[];
  /** Account and client; null where clients cannot be told apart. */
  pair: string[] | null;
  inFlightKey: string;
}

const refundAll = (counts: RateLimitResult[]) => Promise.all(counts.map((one) => one.refund()));

/**
 * Limits wrong passwords by address, by client and by the pair of both, whose limit ends in a lockout of the client from the
 * account. An attempt is counted before the password is compared and refunded if it was right, so parallel guesses cannot
 * exceed the limit.
 *
 * The keys contain the password's generation: a reset starts new counts on every instance, without Redis. The generation is
 * 0 without an account and for a new one, and a rehash does not change it, so the counts reveal neither.
 */
@Injectable()
export class LoginThrottle {
  private readonly inFlight = new InFlightAttempts();

  constructor(
    private readonly limits: RateLimits,
    private readonly notice: LockNotice,
  ) {}

  /**
   * Compares a password if the limits allow another attempt.
   * @param deadline in the time of `performance.now()`
   * @param compare gets the milliseconds left; resolves to null for a wrong password
   * @returns what `compare` found
   * @throws AppError `rate_limited`, also for the right password
   */
  async check<T>(
    subject: Subject,
    context: RequestContext,
    deadline: number,
    compare: (timeoutMs: number) => Promise<T | null>,
  ): Promise<T | null> {
    context.attemptedEmail = subject.email;
    if (!this.limits.enabled) return compare(deadline - performance.now());
    const attempt = this.attemptOf(subject, context);
    const counts = await this.consumeAll(attempt, deadline);
    let wrong = false;
    try {
      const found = await compare(deadline - performance.now());
      wrong = found === null;
      return found;
    } finally {
      await this.recordResult(attempt, counts, wrong).finally(() => this.inFlight.finish(attempt.inFlightKey, !wrong));
    }
  }

  /**
   * Counts the sign-ins that succeed, by account and client: each costs a comparison.
   * @throws AppError `rate_limited` before the work
   */
  async limitSignIns<T>(email: string, context: RequestContext, work: () => Promise<T>): Promise<T> {
    if (!this.limits.enabled) return work();
    const count = await this.limits.consume('signIns', [mailboxOf(email), clientKey(context)]);
    try {
      if (count.allowed) return await work();
      this.limits.show(context, count);
      throw this.limits.toError('signIns', context, count.resetsIn);
    } catch (error) {
      await count.refund();
      throw error;
    }
  }

  /** The caller's own counter comes first: its state is sent as `RateLimit-*`. */
  private attemptOf({ email, passwordGeneration }: Subject, context: RequestContext): Attempt {
    const client = clientKey(context);
    const account = [mailboxOf(email), String(passwordGeneration)];
    const pair = context.behindProxy ? null : [...account, client];
    const byPair = pair && { name: 'loginPair' as const, parts: pair, factor: 1 };
    const byClient = { name: 'loginIp' as const, parts: [client], factor: clientFactor(context) };
    const byAddress = { name: 'loginAddress' as const, parts: account, factor: 1 };
    const counters = byPair ? [byPair, byClient, byAddress] : [byClient, byAddress];
    return { email, context, counters, pair, inFlightKey: JSON.stringify(pair ?? account) };
  }

  /** Counts the attempt in all limits or in none. */
  private async consumeAll(attempt: Attempt, deadline: number): Promise<RateLimitResult[]> {
    const { counters, context, pair, inFlightKey } = attempt;
    for (;;) {
      // A locked client must not count, even for a moment: that would take slots of the address from other clients.
      const resetsIn = pair ? await this.limits.blockedForMs('loginPair', pair) : 0;
      if (resetsIn > 0) {
        this.limits.showUsedUp('loginPair', context, resetsIn);
        throw this.limits.toError('loginPair', context, resetsIn);
      }
      const counts = await Promise.all(
        counters.map(({ name, parts, factor }) => this.limits.consume(name, parts, factor)),
      );
      const over = counts.findLastIndex(({ allowed }) => !allowed);
      if (over < 0) {
        this.inFlight.start(inFlightKey);
        return counts;
      }
      await refundAll(counts);
      // Attempts in flight hold slots that they refund if they succeed.
      if (pair && over === 0 && (await this.inFlight.waitForRefund(inFlightKey, deadline - performance.now())))
        continue;
      const own = counters[over]!.name === 'loginAddress' ? counts[0]! : counts[over]!;
      this.limits.show(context, { ...own, count: own.count - 1 });
      throw this.limits.toError(counters[over]!.name, context, counts[over]!.resetsIn);
    }
  }

  private async recordResult(attempt: Attempt, counts: RateLimitResult[], wrong: boolean): Promise<void> {
    const { context, email, pair, inFlightKey } = attempt;
    const [own, byAddress] = [counts[0]!, counts.at(-1)!];
    this.limits.show(context, { ...own, count: wrong ? own.count : own.count - 1 });
    if (!wrong) return void (await refundAll(counts));
    let locked = byAddress.count === byAddress.limit;
    if (pair) {
      // Attempts still in flight may succeed. The lock starts at the last failure: counted from the first, it could be over
      // a second later.
      const failures = (await this.limits.count('loginPair', pair)) - this.inFlight.countOthers(inFlightKey);
      if (failures >= own.limit) {
        await this.limits.lock('loginPair', pair);
        locked = true;
      }
    }
    if (locked) this.notice.notify(email, context);
  }
}
