import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EntityManager, IsNull, LessThan, MoreThanOrEqual, Not } from 'typeorm';
import { AppError } from '../../common/errors.js';
import { FieldCipher } from '../../crypto/field-cipher.js';
import { matchTotpStep, newTotpSecret } from './totp.js';
import { TotpFactor } from './totp-factor.entity.js';

/** Wrong codes in a row that suspend TOTP for the account (NIST SP 800-63B-4 §3.2.2). */
export const MAX_WRONG_CODES_ATTEMPTS = 100;
const MAX_FACTORS_ROWS = 10;
export const SECRET_FIELD = 'totp_secret';
const CONFIRMED = { confirmedAt: Not(IsNull()) };

/** Rows of `mfa_factors`. Callers that write hold the lock on the user's row. */
@Injectable()
export class TotpFactors {
  constructor(private readonly cipher: FieldCipher) {}

  /** @param before only those that were confirmed before then */
  listConfirmed(tx: EntityManager, userId: string, before?: Date): Promise<TotpFactor[]> {
    const where = { userId, confirmedAt: before ? LessThan(before) : CONFIRMED.confirmedAt };
    return tx.find(TotpFactor, { where, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /** Starts an enrolment, in place of one that was not finished. */
  async start(tx: EntityManager, userId: string, label: string, name: string) {
    await tx.delete(TotpFactor, { userId, confirmedAt: IsNull() });
    if ((await tx.countBy(TotpFactor, { userId })) >= MAX_FACTORS_ROWS)
      throw new AppError('bad_request', { message: `An account has at most ${MAX_FACTORS_ROWS} authenticator apps` });
    const id = randomUUID();
    const { secret, uri } = await newTotpSecret(label);
    await tx.insert(TotpFactor, { id, userId, name, secret: this.cipher.encrypt(id, SECRET_FIELD, secret) });
    return { id, secret, uri };
  }

  /** @returns false for a wrong code. @throws AppError `not_found` without an open enrolment of this id */
  async confirm(tx: EntityManager, userId: string, id: string, code: string): Promise<TotpFactor | null> {
    const factor = await tx.findOneBy(TotpFactor, { id, userId, confirmedAt: IsNull() });
    if (!factor) throw new AppError('not_found');
    if (!(await this.useStep(tx, factor, code))) return null;
    await tx.update(TotpFactor, id, { confirmedAt: () => 'now()' });
    return factor;
  }

  /** Uses a code up: each time step counts once. @returns `suspended` for the wrong code that reaches the limit */
  async consume(
    tx: EntityManager,
    userId: string,
    code: string,
    before?: Date,
  ): Promise<'right' | 'wrong' | 'suspended'> {
    const factors = (await this.listConfirmed(tx, userId, before)).filter(isUsable);
    for (const factor of factors)
      if (await this.useStep(tx, factor, code)) {
        await this.clearFailures(tx, userId);
        return 'right';
      }
    await tx.increment(TotpFactor, { userId, failures: LessThan(MAX_WRONG_CODES_ATTEMPTS) }, 'failures', 1);
    return factors.some(({ failures }) => failures + 1 === MAX_WRONG_CODES_ATTEMPTS) ? 'suspended' : 'wrong';
  }

  async clearFailures(tx: EntityManager, userId: string): Promise<void> {
    await tx.update(TotpFactor, { userId }, { failures: 0 });
  }

  /** @param id one of them, or all. @returns whether there was one */
  async remove(tx: EntityManager, userId: string, id?: string): Promise<boolean> {
    return ((await tx.delete(TotpFactor, { userId, ...(id && { id }) })).affected ?? 0) > 0;
  }

  /** Removes those that were confirmed since then or not at all. */
  async removeSince(tx: EntityManager, userId: string, since: Date): Promise<boolean> {
    await tx.delete(TotpFactor, { userId, confirmedAt: IsNull() });
    const { affected } = await tx.delete(TotpFactor, { userId, confirmedAt: MoreThanOrEqual(since) });
    return affected! > 0;
  }

  private async useStep(tx: EntityManager, { id, secret }: TotpFactor, code: string): Promise<boolean> {
    const step = await matchTotpStep(this.cipher.decrypt(id, SECRET_FIELD, secret), code);
    if (step === null) return false;
    const used = { lastStep: step, lastUsed: () => 'now()' };
    // Compares and swaps: of two sign-ins with one code one succeeds.
    return (await tx.update(TotpFactor, { id, lastStep: LessThan(step) }, used)).affected === 1;
  }
}

export const isUsable = ({ failures }: TotpFactor) => failures < MAX_WRONG_CODES_ATTEMPTS;
