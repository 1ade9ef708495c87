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

  /** Counts a wrong code; ten of them end the token. */
  async countFailure(token: string): Promise<void> {
    const { count, limit } = await this.limits.consume('mfaToken', [tokenHash(token)]);
    if (count >= limit) await this.store.consume(keyOf(token));
  }
}

function parse(value: string | null): PendingSignIn {
  const message = 'The mfa_token is not valid, has been used or has expired: sign in again';
  if (value === null) throw new AppError('invalid_or_expired_token', { message });
  return JSON.parse(value) as PendingSignIn;
}

/** Hashed, so that a reader of the store cannot use the tokens in it. */
const keyOf = (token: string) => `mfa:${tokenHash(token)}`;
