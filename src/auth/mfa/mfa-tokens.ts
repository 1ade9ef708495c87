import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppError } from '../../common/errors.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import { EphemeralStore } from '../../redis/ephemeral.store.js';
import type { User } from '../../users/user.entity.js';
import { Factors } from './factors.js';
import type { MfaRequired } from './mfa.dto.js';

export const MFA_TOKEN_SECONDS = 300;

/** A sign-in whose first step succeeded. */
export interface PendingSignIn {
  userId: string;
  /** `password_generation` then: a reset ends the sign-in. */
  generation: number;
  /** Methods of the first step. */
  amr: string[];
}

/** The `mfa_token` between the two steps of a sign-in: 256 random bits, stored as a hash, used once. */
@Injectable()
export class MfaTokens {
  constructor(
    private readonly database: DataSource,
    private readonly store: EphemeralStore,
    private readonly factors: Factors,
    private readonly limits: RateLimits,
  ) {}

  async issue(user: User, amr: readonly string[]): Promise<MfaRequired> {
    const token = randomToken();
    const pending = { userId: user.id, generation: user.passwordGeneration, amr };
    await this.store.put(keyOf(token), JSON.stringify(pending), MFA_TOKEN_SECONDS);
    const methods = await this.factors.methodsOf(this.database.manager, user.id);
    return { mfa_required: true, mfa_token: token, expires_in: MFA_TOKEN_SECONDS, methods };
  }

  /** @throws AppError `invalid_or_expired_token` */
  async read(token: string): Promise<PendingSignIn> {
    return parse(await this.store.read(keyOf(token)));
  }

  /** @throws AppError `invalid_or_expired_token`, for all but one of any number of calls at once */
  async consume(token: string): Promise<void> {
    parse(await this.store.consume(keyOf(token)));
  }

  /**
   * Runs a check of a code or passkey; ten wrong ones end the token. Counted before the check, so that parallel attempts cannot
   * exceed the limit.
   * @throws AppError `invalid_or_expired_token` beyond the limit
   */
  async limitAttempts<T>(token: string, check: () => Promise<T>): Promise<T> {
    const attempt = await this.limits.consume('mfaToken', [tokenHash(token)]);
    if (!attempt.allowed) throw expired();
    return check().catch(async (error: unknown) => {
      const type = error instanceof AppError ? error.type : null;
      if (type !== 'invalid_mfa_code' && type !== 'invalid_passkey') await attempt.refund();
      else if (attempt.count === attempt.limit) await this.store.consume(keyOf(token));
      throw error;
    });
  }
}

function expired(): AppError {
  const message = 'The mfa_token is not valid, has been used or has expired: sign in again';
  return new AppError('invalid_or_expired_token', { message });
}

function parse(value: string | null): PendingSignIn {
  if (value === null) throw expired();
  return JSON.parse(value) as PendingSignIn;
}

/** Hashed, so that a reader of the store cannot use the tokens in it. */
const keyOf = (token: string) => `mfa:${tokenHash(token)}`;
