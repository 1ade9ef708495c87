import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager, In, IsNull, MoreThan, Not } from 'typeorm';
import { AppError } from '../../common/errors.js';
import { Settings } from '../../config/settings.js';
import { KeyRing } from '../../crypto/key-ring.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';
import { deleteExpiredRows } from '../../database/expired-rows.js';
import type { User } from '../user.entity.js';
import { UsersService } from '../users.service.js';
import { UNDO_HOURS } from '../emails/former-emails.js';
import { OneTimeToken, TokenPurpose } from './one-time-token.entity.js';

/** Hours for which a mailed link is valid. */
const LIFETIMES: Record<TokenPurpose, number> = {
  password_reset: 1,
  email_verification: 24,
  email_change: 24,
  not_me: UNDO_HOURS,
};

/** Expired rows that each new token deletes: more than it adds, so that the table stays small. */
const CLEANUP_ROWS = 5;

/** Other passwords that may be sent with a used token, whose finder must not be able to guess the password. */
const MAX_MISMATCH_ATTEMPTS = 5;

const KEY_PURPOSE = 'repeated use of a mailed link';

interface ConsumedToken {
  /** Locked by the transaction. */
  user: User;
  token: OneTimeToken;
  /** `repeated`: used before for the same. `refused`: used before for something else; the transaction must commit the count. */
  use: 'first' | 'repeated' | 'refused';
}

/** Tokens of mailed links: 256 random bits, stored as a SHA-256, valid once. */
@Injectable()
export class OneTimeTokens {
  /** Of the front end or, if none is configured, of the service itself. */
  private readonly pages: Record<TokenPurpose, string>;

  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly keys: KeyRing,
    { appPublicUrl, publicBaseUrl }: Settings,
  ) {
    const verify = appPublicUrl ? `${appPublicUrl}/verify-email` : `${publicBaseUrl}/auth/email/verify`;
    this.pages = {
      password_reset: appPublicUrl ? `${appPublicUrl}/reset-password` : `${publicBaseUrl}/auth/password/reset`,
      email_verification: verify,
      email_change: verify,
      not_me: appPublicUrl ? `${appPublicUrl}/not-me` : `${publicBaseUrl}/auth/account/not-me`,
    };
  }

  /** @returns the URL with the token, of which only the hash is stored */
  async issueLink(
    tx: EntityManager,
    userId: string,
    purpose: TokenPurpose,
    details: Partial<Pick<OneTimeToken, 'email' | 'needsFactor'>> = {},
  ): Promise<string> {
    const token = randomToken();
    const expiresAt = () => `now() + interval '${LIFETIMES[purpose]} hours'`;
    await tx.insert(OneTimeToken, { userId, purpose, tokenHash: tokenHash(token), expiresAt, ...details });
    await tx.query(
      `DELETE FROM one_time_tokens WHERE id = ANY (ARRAY(
         SELECT id FROM one_time_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [CLEANUP_ROWS],
    );
    return `${this.pages[purpose]}?token=${token}`;
  }

  /**
   * Looks a token up without using it.
   * @throws AppError `invalid_or_expired_token`, also if the account is disabled
   */
  async find(token: string, ...purposes: TokenPurpose[]): Promise<{ owner: User; token: OneTimeToken; used: boolean }> {
    const row = await this.findRow(this.database.manager, token, purposes);
    const owner = row && (await this.users.findById(row.userId));
    if (!row || !owner || !mayUse(owner, row)) throw new AppError('invalid_or_expired_token');
    return { owner, token: row, used: row.usedAt !== null };
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
    const row = await this.findRow(tx, token, [purpose], true);
    if (!row || !user || !mayUse(user, row)) throw new AppError('invalid_or_expired_token');
    const message = `${token} ${value}`;
    if (row.usedAt === null) {
      await tx.update(OneTimeToken, row.id, { usedAt: () => 'now()', usedWith: this.keys.sign(KEY_PURPOSE, message) });
      return { user, token: row, use: 'first' };
    }
    if (row.usedWith && this.keys.verify(KEY_PURPOSE, message, row.usedWith))
      return { user, token: row, use: 'repeated' };
    if (row.mismatches + 1 < MAX_MISMATCH_ATTEMPTS) await tx.increment(OneTimeToken, { id: row.id }, 'mismatches', 1);
    else await tx.delete(OneTimeToken, row.id);
    return { user, token: row, use: 'refused' };
  }

  /** Revokes the user's unused links; used ones stay, to answer a repeated request. */
  async revokeAllOf(tx: EntityManager, userId: string, ...purposes: TokenPurpose[]): Promise<void> {
    await tx.delete(OneTimeToken, { userId, purpose: In(purposes), usedAt: IsNull() });
  }

  /** Revokes the links of later events: they went to a mailbox that the user has disowned. */
  async revokeLater(tx: EntityManager, { id, userId, purpose, createdAt }: OneTimeToken): Promise<void> {
    await tx.delete(OneTimeToken, { id: Not(id), userId, purpose, createdAt: MoreThan(createdAt) });
  }

  private findRow(
    tx: EntityManager,
    token: string,
    purposes: TokenPurpose[],
    lock = false,
  ): Promise<OneTimeToken | null> {
    const query = tx
      .createQueryBuilder(OneTimeToken, 'token')
      .where('token_hash = :hash AND purpose IN (:...purposes) AND expires_at > now()', {
        hash: tokenHash(token),
        purposes,
      });
    return (lock ? query.setLock('pessimistic_write') : query).getOne();
  }
}

/** A disabled account can still be secured. */
const mayUse = ({ isActive }: User, { purpose }: OneTimeToken) => isActive || purpose === 'not_me';

/** Keeps expired links for a day, so that a repeated use is distinguished from an unknown link. */
export function deleteExpiredTokens(tx: EntityManager, maxRows: number): Promise<number> {
  const rows = { table: 'one_time_tokens', key: 'id', column: 'expires_at', before: `now() - interval '1 day'` };
  return deleteExpiredRows(tx, rows, maxRows);
}
