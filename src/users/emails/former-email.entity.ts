import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from '../user.entity.js';

/** An address that its user has changed; reserved while the change can be undone. */
@Entity('former_emails')
@Index('idx_former_emails_user', ['userId'])
@Index('idx_former_emails_changed', ['changedAt'])
export class FormerEmail {
  @PrimaryColumn({ type: 'varchar', length: 255, primaryKeyConstraintName: 'former_emails_pkey' })
  email: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'former_emails_user_id_fkey' })
  userId: string;

  /** As in `users`, for the undo. */
  @Column({ name: 'email_legacy', type: 'varchar', length: 255, nullable: true })
  emailLegacy: string | null;

  @Column({ name: 'email_verified_at', type: 'timestamptz', nullable: true })
  emailVerifiedAt: Date | null;

  @Column({ name: 'changed_at', type: 'timestamptz', default: () => 'now()' })
  changedAt: Date;
}
