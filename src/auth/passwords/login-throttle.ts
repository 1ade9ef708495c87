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

/** A count that a wrong password adds to. */
interface Counter {
  name: LimitName;
  parts: string[];
  factor: number;
}

/** One password that is compared: what it counts for, in the order of the counters. */
interface Attempt {
  email: string;
  context: RequestContext;
  counters: Counter[];
  /** The pair of account and client, null where clients cannot be told apart. */
  pair: string[] | null;
  turn: string;
}

const refundAll = (taken: RateLimitResult[]) => Promise.all(taken.map((one) => one.refund()));

/**
 * Counts wrong passwords by address, by client and by the pair of both. The count is taken before the password is compared
 * and given back when it was right: fifty guesses at once are not fifty guesses.
 *
 * The generation of the password is part of the keys, so a reset starts from zero: on every instance, and without Redis. It
 * is 0 without an account and for every new one, and does not change with the hash, so the counts tell nothing of either.
 */
@Injectable()
export class LoginThrottle {
  private readonly turnstile = new InFlightAttempts();

  constructor(
    private readonly limits: RateLimits,
    private readonly notice: LockNotice,
  ) {}

  /**
   * Compares where the limits allow one more try.
   * @param compare true for the right password; told how many milliseconds it has
   * @param answerBy when the result is needed, on the clock of `performance`
   * @throws AppError `rate_limited`, for the right password too
   */
  async check(
    subject: Subject,
    context: RequestContext,
    compare: (limit: number) => Promise<boolean>,
    answerBy: number,
  ): Promise<boolean> {
    context.attemptedEmail = subject.email;
    if (!this.limits.enabled) return compare(answerBy - performance.now());
    const attempt = this.attemptOf(subject, context);
    const { turn } = attempt;
    const taken = await this.take(attempt, answerBy);
    let wrong = false;
    try {
      wrong = !(await compare(answerBy - performance.now()));
      return !wrong;
    } finally {
      await this.settle(attempt, taken, wrong).finally(() => this.turnstile.leave(turn, !wrong));
    }
  }

  /** The caller's own count comes first: it is the one that the answer shows. */
  private attemptOf({ email, passwordGeneration }: Subject, context: RequestContext): Attempt {
    const client = clientKey(context);
    const account = [mailboxOf(email), String(passwordGeneration)];
    const pair = context.behindProxy ? null : [...account, client];
    const byPair = pair && { name: 'loginPair' as const, parts: pair, factor: 1 };
    const byClient = { name: 'loginIp' as const, parts: [client], factor: clientFactor(context) };
    const byAddress = { name: 'loginAddress' as const, parts: account, factor: 1 };
    const counters = byPair ? [byPair, byClient, byAddress] : [byClient, byAddress];
    return { email, context, counters, pair, turn: JSON.stringify(pair ?? account) };
  }

  /** Counts the try in all limits or in none. */
  private async take(attempt: Attempt, answerBy: number): Promise<RateLimitResult[]> {
    const { counters, context, pair, turn } = attempt;
    for (;;) {
      // Before anything is counted: places of the address, taken for a moment, would be missing to other clients.
      const resetsIn = pair ? await this.limits.blockedForMs('loginPair', pair) : 0;
      if (resetsIn > 0) {
        this.limits.showUsedUp('loginPair', context, resetsIn);
        throw this.limits.toError('loginPair', context, resetsIn);
      }
      const taken = await Promise.all(
        counters.map(({ name, parts, factor }) => this.limits.consume(name, parts, factor)),
      );
      const over = taken.findLastIndex(({ allowed }) => !allowed);
      if (over < 0) {
        this.turnstile.enter(turn);
        return taken;
      }
      await refundAll(taken);
      // Tries under way hold places that they give back when they are right, so their outcome decides about this one.
      const again = pair && over === 0 && (await this.turnstile.changed(turn, answerBy - performance.now()));
      if (again) continue;
      const own = counters[over]!.name === 'loginAddress' ? taken[0]! : taken[over]!;
      this.limits.show(context, { ...own, count: own.count - 1 });
      throw this.limits.toError(counters[over]!.name, context, taken[over]!.resetsIn);
    }
  }

  private async settle(attempt: Attempt, taken: RateLimitResult[], wrong: boolean): Promise<void> {
    const { context, email, pair, turn } = attempt;
    const [own, byAddress] = [taken[0]!, taken.at(-1)!];
    this.limits.show(context, { ...own, count: wrong ? own.count : own.count - 1 });
    if (!wrong) return void (await refundAll(taken));
    let locked = byAddress.count === byAddress.limit;
    if (pair) {
      // Of what is counted, the tries still under way may yet be right. The lock begins with the last failure, not with the
      // first: else it could end a second after it began.
      const failures = (await this.limits.count('loginPair', pair)) - this.turnstile.others(turn);
      if (failures >= own.limit) {
        await this.limits.lock('loginPair', pair);
        locked = true;
      }
    }
    if (locked) this.notice.notify(email, context);
  }
}
