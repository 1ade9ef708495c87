import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { runInTransaction } from '../../database/transaction.js';
import { clientKey } from '../../rate-limit/ip-prefix.js';
import { clientFactor, RateLimits } from '../../rate-limit/rate-limits.js';
import { UsersService } from '../../users/users.service.js';
import { Factors } from './factors.js';
import type { MfaMethod } from './mfa.dto.js';
import { RecoveryCodes } from './recovery-codes.js';
import { TotpFactors } from './totp-factors.js';

const TOTP_CODE = /^(?: *[0-9]){6} *$/;

export const methodOf = (code: string) => (TOTP_CODE.test(code) ? 'totp' : 'recovery_code');

/** Checks codes of a second factor within the limits. */
@Injectable()
export class MfaCodes {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly factors: Factors,
    private readonly totp: TotpFactors,
    private readonly codes: RecoveryCodes,
    private readonly limits: RateLimits,
  ) {}

  /**
   * Uses a code up. Wrong codes are counted by account and client and, for TOTP, by account.
   * @throws AppError `invalid_mfa_code`, `rate_limited`
   */
  async consume(
    userId: string,
    method: Exclude<MfaMethod, 'passkey'>,
    code: string,
    context: RequestContext,
  ): Promise<void> {
    await this.check(userId, context, () =>
      runInTransaction(this.database, async (tx) =>
        (await this.isRight(tx, userId, method, code, context)) ? 'right' : null,
      ),
    );
  }

  /**
   * Runs a check of a code if the client may try another one.
   * @param attempt resolves to null for a wrong code; its transaction has then committed the count
   * @throws AppError `invalid_mfa_code`, `rate_limited`
   */
  async check<T>(userId: string, context: RequestContext, attempt: () => Promise<T | null>): Promise<T> {
    const count = this.limits.enabled
      ? await this.limits.consume('mfaCodes', [userId, clientKey(context)], clientFactor(context))
      : null;
    if (count && !count.allowed) {
      await count.refund();
      throw this.limits.toError('mfaCodes', context, count.resetsIn);
    }
    const result = await attempt().catch(async (error: unknown) => {
      await count?.refund();
      throw error;
    });
    if (result === null) throw new AppError('invalid_mfa_code');
    await count?.refund();
    return result;
  }

  /**
   * Uses a code up; the caller counts wrong ones by `check`.
   * @param before only what existed before then is accepted
   */
  async isRight(
    tx: EntityManager,
    userId: string,
    method: Exclude<MfaMethod, 'passkey'>,
    code: string,
    context: RequestContext,
    before?: Date,
  ): Promise<boolean> {
    const user = await this.users.findAndLock(tx, userId);
    if (!user) return false;
    context.attemptedEmail = user.email;
    if (method === 'totp') {
      const result = await this.totp.consume(tx, userId, code, before);
      if (result === 'suspended') await this.factors.record(tx, user, 'totp_suspended', null, context);
      return result === 'right';
    }
    if (!(await this.codes.consume(tx, userId, code, before))) return false;
    // The owner is back: an attacker's wrong codes do not count any more.
    await this.totp.clearFailures(tx, userId);
    await this.factors.record(tx, user, 'recovery_code_used', null, context);
    return true;
  }
}
