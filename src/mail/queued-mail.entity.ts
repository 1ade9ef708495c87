import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A mail that waits, or, without `userId`, a request whose account a worker looks up. */
@Entity('mail_queue')
@Index('idx_mail_queue_due', ['nextAttemptAt'], { where: 'failed_at IS NULL' })
@Index('idx_mail_queue_parked', ['failedAt'], { where: 'failed_at IS NOT NULL' })
@Index('idx_mail_queue_user', ['userId'], { where: 'user_id IS NOT NULL' })
@Index('idx_mail_queue_requests', ['createdAt'], { where: 'user_id IS NULL' })
@Index('idx_mail_queue_bundled', ['userId', 'kind'], { unique: true, where: 'bundled' })
export class QueuedMail {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'mail_queue_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 40 })
  kind: string;

  /** Without a foreign key: the notice of an erasure outlives its user. */
  @Column({ name: 'user_id', type: 'uuid', nullable: true })
  userId: string | null;

  /** JSON, encrypted for this row; empty after a bundled mail was sent. */
  @Column({ type: 'text' })
  contents: string;

  /** Counted before each attempt, so that a mail which ends the process is given up, too. */
  @Column({ type: 'integer', default: 0 })
  attempts: number;

  @Column({ name: 'last_error', type: 'varchar', length: 200, nullable: true })
  lastError: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  /** While a process sends the mail, the end of its lease. */
  @Column({ name: 'next_attempt_at', type: 'timestamptz', default: () => 'now()' })
  nextAttemptAt: Date;

  /** When the mail was parked: no further attempts. */
  @Column({ name: 'failed_at', type: 'timestamptz', nullable: true })
  failedAt: Date | null;

  /** At most one an hour for the user and kind; sent rows stay that long, with empty contents. */
  @Column({ type: 'boolean', default: false })
  bundled: boolean;
}
