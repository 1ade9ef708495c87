import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type Side = 'target' | 'actor';

/** An unfinished erasure: entries of this deleted user that are older than the position are still to be redacted. */
@Entity('audit_redactions')
@Check('audit_redactions_side_check', `side IN ('target', 'actor')`)
export class AuditRedaction {
  // No foreign key: the user is gone.
  @PrimaryColumn({ name: 'user_id', type: 'uuid', primaryKeyConstraintName: 'audit_redactions_pkey' })
  userId: string;

  /** Whether the user is the target or the actor of these entries. */
  @PrimaryColumn({ type: 'varchar', length: 6, primaryKeyConstraintName: 'audit_redactions_pkey' })
  side: Side;

  @Column({ type: 'timestamptz' })
  at: Date;

  @Column({ type: 'bigint' })
  id: string;
}
