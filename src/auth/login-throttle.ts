import { Injectable } from '@nestjs/common';
import type { Taken } from '../cache/limiter.js';
import { Limits } from '../cache/limits.js';
import { clientNetwork } from '../cache/network.js';
import type { RequestContext } from '../common/request-context.js';
import { Turnstile } from './turnstile.js';

const NAMES = ['loginPair', 'loginAddress', 'loginIp'] as const;

type Keys = Record<(typeof NAMES)[number], (string | null)[]>;

interface Subject {
  email: string;
  /** Null for an unknown address and for an account without a password. */
  passwordHash: string | null;
}

const giveBack = (taken: Taken[]) => Promise.all(taken.map((one) => one.giveBack()));

/**
 * Counts wrong passwords by address, by client and by the pair of both. The count is taken before the password is compared
 * and given back when it was right: fifty guesses at once are not fifty guesses.
 *
 * The stored hash is part of the keys, so a new password starts from zero. That is how a reset unlocks: on every instance,
 * and without Redis. An address without an account has null there and is counted all the same.
 */
@Injectable()
export class LoginThrottle {
  private readonly turnstile = new Turnstile();

  constructor(private readonly limits: Limits) {}

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
    if (!this.limits.enabled) return compare(answerBy - performance.now());
    const { email, passwordHash } = subject;
    const client = clientNetwork(context.ipAddress);
    const keys: Keys = {
      loginPair: [email, passwordHash, client],
      loginAddress: [email, passwordHash],
      loginIp: [client],
    };
    const turn = JSON.stringify(keys.loginPair);
    const taken = await this.take(keys, turn, context, answerBy);
    let wrong = false;
    try {
      wrong = !(await compare(answerBy - performance.now()));
      return !wrong;
    } finally {
      await this.settle(keys, taken, turn, wrong, context).finally(() => this.turnstile.leave(turn, !wrong));
    }
  }

  /** Counts the try in all three limits or in none; pair first in the list. */
  private async take(keys: Keys, turn: string, context: RequestContext, answerBy: number): Promise<Taken[]> {
    for (;;) {
      // Before anything is counted: places of the address, taken for a moment, would be missing to other clients.
      const lockedFor = await this.limits.lockedFor('loginPair', ...keys.loginPair);
      if (lockedFor > 0) throw this.limits.refuse('loginPair', context, lockedFor);
      const taken = await Promise.all(NAMES.map((name) => this.limits.take(name, ...keys[name])));
      const over = taken.findLastIndex(({ allowed }) => !allowed);
      if (over < 0) {
        this.turnstile.enter(turn);
        return taken;
      }
      await giveBack(taken);
      // Tries under way hold places that they give back when they are right, so their outcome decides about this one.
      const again = over === 0 && (await this.turnstile.changed(turn, answerBy - performance.now()));
      if (!again) throw this.limits.refuse(NAMES[over]!, context, taken[over]!.resetsIn);
    }
  }

  private async settle(
    keys: Keys,
    taken: Taken[],
    turn: string,
    wrong: boolean,
    context: RequestContext,
  ): Promise<void> {
    const [pair] = taken as [Taken];
    this.limits.show(context, { ...pair, count: wrong ? pair.count : pair.count - 1 });
    if (!wrong) return void (await giveBack(taken));
    // Of what is counted, the tries still under way may yet be right. The lock begins with the last failure, not with the
    // first: else it could end a second after it began.
    const failures = (await this.limits.counted('loginPair', ...keys.loginPair)) - this.turnstile.others(turn);
    if (failures >= pair.limit) await this.limits.lock('loginPair', ...keys.loginPair);
  }
}
