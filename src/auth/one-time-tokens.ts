import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../common/errors.js';
import { KeyRing } from '../crypto/key-ring.js';
import { randomToken, tokenHash } from '../crypto/tokens.js';
import { deleteExpiredRows } from '../database/expired-rows.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeToken, TokenPurpose } from './one-time-token.entity.js';

/** Seconds that a mailed link works. */
const LIFETIMES: Record<TokenPurpose, number> = { password_reset: 3600, email_verification: 86_400 };

/** Expired rows that one issue clears away: more than it adds, so the table stays as small as what is in use. */
const CLEANUP_ROWS = 5;

/** Other passwords that may be sent with a used token: who has found one must not learn the password by guessing. */
const MAX_MISMATCH_ATTEMPTS = 5;

const KEY_PURPOSE = 'repeated use of a mailed link';

interface Redeemed {
  /** Held by the transaction. */
  user: User;
  /** `repeated`: used before, for the same. `refused`: used before, for something else; the transaction must commit. */
  use: 'first' | 'repeated' | 'refused';
}

/** Tokens of mailed links: 256 random bits, stored as a SHA-256, good for one use. */
@Injectable()
export class OneTimeTokens {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly keys: KeyRing,
  ) {}

  /** @returns the token; only its hash is kept */
  async issue(tx: EntityManager, userId: string, purpose: TokenPurpose): Promise<string> {
    const token = randomToken();
    const expiresAt = new Date(Date.now() + LIFETIMES[purpose] * 1000);
    await tx.insert(OneTimeToken, { userId, purpose, tokenHash: tokenHash(token), expiresAt });
    await tx.query(
      `DELETE FROM one_time_tokens WHERE id = ANY (ARRAY(
         SELECT id FROM one_time_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [CLEANUP_ROWS],
    );
    return token;
  }

  /**
   * Whose token it is and whether it was used, without using it up.
   * @throws AppError `invalid_or_expired_token`, for one of a disabled account too
   */
  async find(token: string, purpose: TokenPurpose): Promise<{ owner: User; used: boolean }> {
    const row = await this.row(this.database.manager, token, purpose);
    const owner = row && (await this.users.findById(row.userId));
    if (!owner?.isActive) throw new AppError('invalid_or_expired_token');
    return { owner, used: row!.usedAt !== null };
  }

  /**
   * Uses the token up and holds its owner's row. Of two requests at once the second finds the token used.
   * @param given what it is used for besides: a used token may be repeated with the same
   * @throws AppError `invalid_or_expired_token`
   */
  async consume(tx: EntityManager, owner: User, token: string, purpose: TokenPurpose, given = ''): Promise<Redeemed> {
    // The user's row first, as everywhere: two orders of locking would be a deadlock.
    const user = await this.users.findAndLock(tx, owner.id);
    const row = await this.row(tx, token, purpose, true);
    if (!user?.isActive || !row) throw new AppError('invalid_or_expired_token');
    const message = `${token} ${given}`;
    if (row.usedAt === null) {
      await tx.update(OneTimeToken, row.id, { usedAt: () => 'now()', usedWith: this.keys.sign(KEY_PURPOSE, message) });
      return { user, use: 'first' };
    }
    if (row.usedWith && this.keys.verify(KEY_PURPOSE, message, row.usedWith)) return { user, use: 'repeated' };
    if (row.mismatches + 1 < MAX_MISMATCH_ATTEMPTS) await tx.increment(OneTimeToken, { id: row.id }, 'mismatches', 1);
    else await tx.delete(OneTimeToken, row.id);
    return { user, use: 'refused' };
  }

  /** Ends what was mailed to the user and is not used yet. */
  async revokeAllOf(tx: EntityManager, userId: string, purpose: TokenPurpose): Promise<void> {
    // Deleted, not marked: a used row answers the repetition of its use.
    await tx
      .createQueryBuilder()
      .delete()
      .from(OneTimeToken)
      .where('user_id = :userId AND purpose = :purpose AND used_at IS NULL', { userId, purpose })
      .execute();
  }

  private row(tx: EntityManager, token: string, purpose: TokenPurpose, hold = false): Promise<OneTimeToken | null> {
    const query = tx
      .createQueryBuilder(OneTimeToken, 'token')
      .where('token_hash = :hash AND purpose = :purpose AND expires_at > now()', { hash: tokenHash(token), purpose });
    return (hold ? query.setLock('pessimistic_write') : query).getOne();
  }
}

/** Used and expired links are kept for a day, so that a repeated use is told from an unknown link. */
export function deleteExpiredTokens(tx: EntityManager, maxRows: number): Promise<number> {
  const rows = { table: 'one_time_tokens', key: 'id', column: 'expires_at', before: `now() - interval '1 day'` };
  return deleteExpiredRows(tx, rows, maxRows);
}
