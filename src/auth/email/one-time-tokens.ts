import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AppError } from '../../common/errors.js';
import { KeyRing } from '../../crypto/key-ring.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';
import { deleteExpiredRows } from '../../database/expired-rows.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { OneTimeToken, TokenPurpose } from './one-time-token.entity.js';

/** Seconds for which a mailed link is valid. */
const LIFETIMES: Record<TokenPurpose, number> = { password_reset: 3600, email_verification: 86_400 };

/** Expired rows that each new token deletes: more than it adds, so that the table stays small. */
const CLEANUP_ROWS = 5;

/** Other passwords that may be sent with a used token, whose finder must not be able to guess the password. */
const MAX_MISMATCH_ATTEMPTS = 5;

const KEY_PURPOSE = 'repeated use of a mailed link';

interface ConsumedToken {
  /** Locked by the transaction. */
  user: User;
  /** `repeated`: used before for the same. `refused`: used before for something else; the transaction must commit the count. */
  use: 'first' | 'repeated' | 'refused';
}

/** Tokens of mailed links: 256 random bits, stored as a SHA-256, valid once. */
@Injectable()
export class OneTimeTokens {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly keys: KeyRing,
  ) {}

  /** @returns the token; only its hash is stored */
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
   * Looks a token up without using it.
   * @throws AppError `invalid_or_expired_token`, also if the account is disabled
   */
  async find(token: string, purpose: TokenPurpose): Promise<{ owner: User; used: boolean }> {
    const row = await this.findRow(this.database.manager, token, purpose);
    const owner = row && (await this.users.findById(row.userId));
    if (!owner?.isActive) throw new AppError('invalid_or_expired_token');
    return { owner, used: row!.usedAt !== null };
  }

  /**
   * Marks the token as used and locks its owner. Of two parallel requests the second finds it used.
   * @param value that the token is used with; a request with the same value may be repeated
   * @throws AppError `invalid_or_expired_token`
   */
  async consume(
    tx: EntityManager,
    owner: User,
    token: string,
    purpose: TokenPurpose,
    value = '',
  ): Promise<ConsumedToken> {
    // The user's row is locked first, as everywhere, to avoid deadlocks.
    const user = await this.users.findAndLock(tx, owner.id);
    const row = await this.findRow(tx, token, purpose, true);
    if (!user?.isActive || !row) throw new AppError('invalid_or_expired_token');
    const message = `${token} ${value}`;
    if (row.usedAt === null) {
      await tx.update(OneTimeToken, row.id, { usedAt: () => 'now()', usedWith: this.keys.sign(KEY_PURPOSE, message) });
      return { user, use: 'first' };
    }
    if (row.usedWith && this.keys.verify(KEY_PURPOSE, message, row.usedWith)) return { user, use: 'repeated' };
    if (row.mismatches + 1 < MAX_MISMATCH_ATTEMPTS) await tx.increment(OneTimeToken, { id: row.id }, 'mismatches', 1);
    else await tx.delete(OneTimeToken, row.id);
    return { user, use: 'refused' };
  }

  /** Revokes the user's unused links. */
  async revokeAllOf(tx: EntityManager, userId: string, purpose: TokenPurpose): Promise<void> {
    // Used rows stay, to answer a repeated request.
    await tx
      .createQueryBuilder()
      .delete()
      .from(OneTimeToken)
      .where('user_id = :userId AND purpose = :purpose AND used_at IS NULL', { userId, purpose })
      .execute();
  }

  private findRow(tx: EntityManager, token: string, purpose: TokenPurpose, lock = false): Promise<OneTimeToken | null> {
    const query = tx
      .createQueryBuilder(OneTimeToken, 'token')
      .where('token_hash = :hash AND purpose = :purpose AND expires_at > now()', { hash: tokenHash(token), purpose });
    return (lock ? query.setLock('pessimistic_write') : query).getOne();
  }
}

/** Keeps expired links for a day, so that a repeated use is distinguished from an unknown link. */
export function deleteExpiredTokens(tx: EntityManager, maxRows: number): Promise<number> {
  const rows = { table: 'one_time_tokens', key: 'id', column: 'expires_at', before: `now() - interval '1 day'` };
  return deleteExpiredRows(tx, rows, maxRows);
}
