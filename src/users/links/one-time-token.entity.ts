import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import { User } from '../user.entity.js';

export type TokenPurpose = 'password_reset' | 'email_verification' | 'email_change' | 'not_me';

/** The token of a mailed link, as a SHA-256 in hex. */
@Entity('one_time_tokens')
@Check('one_time_tokens_purpose_check', `purpose IN ('password_reset', 'email_verification', 'email_change', 'not_me')`)
@Index('idx_one_time_tokens_hash', ['tokenHash'], { unique: true })
@Index('idx_one_time_tokens_user', ['userId', 'purpose'])
@Index('idx_one_time_tokens_expires', ['expiresAt'])
export class OneTimeToken {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'one_time_tokens_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'one_time_tokens_user_id_fkey' })
  userId: string;

  @Column({ type: 'varchar', length: 30 })
  purpose: TokenPurpose;

  @Column({ name: 'token_hash', type: 'varchar', length: 64 })
  tokenHash: string;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;

  @Column({ name: 'used_at', type: 'timestamptz', nullable: true })
  usedAt: Date | null;

  /** MAC of the token and the value it was used with: a repeated request must match. */
  @Column({ name: 'used_with', type: 'bytea', nullable: true })
  usedWith: Buffer | null;

  /** Repeated requests that did not match. */
  @Column({ type: 'integer', default: 0 })
  mismatches: number;

  /** `email_change`: the new address. `not_me`: the address at the time of the event. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  email: string | null;

  /** `not_me`: whether the account had a second factor before the event. */
  @Column({ name: 'needs_factor', type: 'boolean', default: false })
  needsFactor: boolean;

  /** `not_me`: the time of the event, as the link is issued in its transaction. */
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;
}
