import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import { User } from '../../users/user.entity.js';

/** An authenticator app (TOTP, RFC 6238). It counts once a code of it has confirmed it. */
@Entity('mfa_factors')
@Index('idx_mfa_factors_user', ['userId'])
export class TotpFactor {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'mfa_factors_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'mfa_factors_user_id_fkey' })
  userId: string;

  @Column({ type: 'varchar', length: 100 })
  name: string;

  /** Base32, encrypted under the id of this row. */
  @Column({ type: 'text' })
  secret: string;

  /** The latest time step whose code was used: each works once (RFC 6238 §5.2). */
  @Column({ name: 'last_step', type: 'integer', default: 0 })
  lastStep: number;

  /** Wrong codes in a row. */
  @Column({ type: 'integer', default: 0 })
  failures: number;

  @Column({ name: 'confirmed_at', type: 'timestamptz', nullable: true })
  confirmedAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'last_used', type: 'timestamptz', nullable: true })
  lastUsed: Date | null;
}
