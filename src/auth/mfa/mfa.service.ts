import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../../common/errors.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { runInTransaction } from '../../database/transaction.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { Passkeys } from '../passkeys/passkeys.js';
import type { Passkey } from '../passkeys/passkey.entity.js';
import { Factors } from './factors.js';
import { MfaCodes } from './mfa-codes.js';
import type { FactorBody, FirstFactorBody, MfaBody, RecoveryCodesBody, TotpSecretBody } from './mfa.dto.js';
import { RecoveryCodes } from './recovery-codes.js';
import { TotpFactors } from './totp-factors.js';
import type { TotpFactor } from './totp-factor.entity.js';

const toFactor = (factor: TotpFactor | Passkey): FactorBody => {
  const lastUsed = 'secret' in factor ? factor.lastUsed : factor.lastUsedAt;
  return {
    id: factor.id,
    type: 'secret' in factor ? 'totp' : 'passkey',
    name: factor.name,
    created_at: factor.createdAt.toISOString(),
    last_used: lastUsed?.toISOString() ?? null,
  };
};

/** The signed-in user's own factors. */
@Injectable()
export class MfaService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly factors: Factors,
    private readonly totp: TotpFactors,
    private readonly passkeys: Passkeys,
    private readonly codes: RecoveryCodes,
    private readonly limits: MfaCodes,
  ) {}

  async describe(userId: string, tx: EntityManager = this.database.manager): Promise<MfaBody> {
    const [totp, passkeys] = [await this.totp.listConfirmed(tx, userId), await this.passkeys.list(tx, userId)];
    const factors = [...totp, ...passkeys].map(toFactor);
    return { enabled: factors.length > 0, factors, recovery_codes_left: await this.codes.count(tx, userId) };
  }

  /** @throws AppError `email_not_verified`: a squatter must not be able to add a factor */
  startTotp(principal: Principal, name: string): Promise<TotpSecretBody> {
    return this.inOwnTransaction(principal, async (tx, user) => {
      if (!user.isVerified) throw new AppError('email_not_verified');
      return this.totp.start(tx, user.id, user.email, name);
    });
  }

  /** @throws AppError `not_found`, `invalid_mfa_code`, `rate_limited` */
  confirmTotp(principal: Principal, id: string, code: string, context: RequestContext): Promise<FirstFactorBody> {
    return this.limits.check(principal.userId, context, () =>
      this.inOwnTransaction(principal, async (tx, user) => {
        const factor = await this.totp.confirm(tx, user.id, id, code);
        if (!factor) return null;
        await this.factors.record(tx, user, 'factor_added', factor.name, context);
        const codes = await this.factors.updateEnabled(tx, user, context);
        return codes ? { recovery_codes: codes } : {};
      }),
    );
  }

  /** @throws AppError `not_found` without a factor */
  replaceCodes(principal: Principal, context: RequestContext): Promise<RecoveryCodesBody> {
    return this.inOwnTransaction(principal, async (tx, user) => {
      if (!user.mfaEnabled) throw new AppError('not_found');
      await this.factors.record(tx, user, 'codes_replaced', null, context, 'recovery-codes');
      return { recovery_codes: await this.codes.replace(tx, user.id) };
    });
  }

  /** @throws AppError `not_found`, `last_sign_in_method` */
  async remove(principal: Principal, id: string, context: RequestContext): Promise<void> {
    await this.inOwnTransaction(principal, async (tx, user) => {
      if (await this.factors.removePasskey(tx, user, id, context)) return;
      if (!(await this.totp.remove(tx, user.id, id))) throw new AppError('not_found');
      await this.factors.record(tx, user, 'factor_removed', null, context);
      await this.factors.updateEnabled(tx, user, context);
    });
  }

  private inOwnTransaction<T>(principal: Principal, work: (tx: EntityManager, user: User) => Promise<T>): Promise<T> {
    return runInTransaction(this.database, async (tx) => work(tx, await this.users.lockOwn(tx, principal)));
  }
}
