import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../common/errors.js';
import { randomToken, tokenHash } from '../crypto/tokens.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeToken, TokenPurpose } from './one-time-token.entity.js';

/** Seconds that a mailed link works. */
const LIFETIMES: Record<TokenPurpose, number> = { password_reset: 3600, email_verification: 86_400 };

/** Expired rows that one issue clears away: more than it adds, so the table stays as small as what is in use. */
const SWEEP = 5;

/** Tokens of mailed links: 256 random bits, stored as a SHA-256, good for one use. */
@Injectable()
export class OneTimeTokens {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
  ) {}

  /** @returns the token; only its hash is kept */
  async issue(tx: EntityManager, userId: string, purpose: TokenPurpose): Promise<string> {
    const token = randomToken();
    const expiresAt = new Date(Date.now() + LIFETIMES[purpose] * 1000);
    await tx.insert(OneTimeToken, { userId, purpose, tokenHash: tokenHash(token), expiresAt });
    await tx.query(
      `DELETE FROM one_time_tokens WHERE id = ANY (ARRAY(
         SELECT id FROM one_time_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [SWEEP],
    );
    return token;
  }

  /**
   * Whose token it is, without using it up.
   * @throws AppError `invalid_or_expired_token`, for one of a disabled account too
   */
  async owner(token: string, purpose: TokenPurpose): Promise<User> {
    const [row]: { user_id: string }[] = await this.database.query(
      `SELECT user_id FROM one_time_tokens
        WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()`,
      [tokenHash(token), purpose],
    );
    const user = row && (await this.users.find(row.user_id));
    if (!user?.isActive) throw new AppError('invalid_or_expired_token');
    return user;
  }

  /**
   * Uses the token up and holds its owner's row. The statement decides: of two at once, one finds the token used.
   * @throws AppError `invalid_or_expired_token`
   */
  async redeem(tx: EntityManager, owner: User, token: string, purpose: TokenPurpose): Promise<User> {
    // The user's row first, as everywhere: two orders of locking would be a deadlock.
    const user = await this.users.findAndLock(tx, owner.id);
    const { affected } = await tx
      .createQueryBuilder()
      .update(OneTimeToken)
      .set({ usedAt: () => 'now()' })
      .where('token_hash = :hash AND purpose = :purpose', { hash: tokenHash(token), purpose })
      .andWhere('used_at IS NULL AND expires_at > now()')
      .execute();
    if (!user?.isActive || affected !== 1) throw new AppError('invalid_or_expired_token');
    return user;
  }

  /** Ends what was mailed to the user and is not used yet. */
  async revokeAllOf(tx: EntityManager, userId: string, purpose: TokenPurpose): Promise<void> {
    await tx
      .createQueryBuilder()
      .update(OneTimeToken)
      .set({ usedAt: () => 'now()' })
      .where('user_id = :userId AND purpose = :purpose AND used_at IS NULL', { userId, purpose })
      .execute();
  }
}
