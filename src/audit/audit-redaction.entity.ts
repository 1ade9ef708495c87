import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

export type Side = 'target' | 'actor';

/** An erasure that goes on: in the audit of somebody who is gone, what is older than this entry is still to be blanked. */
@Entity('audit_redactions')
@Check('audit_redactions_side_check', `side IN ('target', 'actor')`)
export class AuditRedaction {
  // No foreign key: the user is gone.
  @PrimaryColumn({ name: 'user_id', type: 'uuid', primaryKeyConstraintName: 'audit_redactions_pkey' })
  userId: string;

  /** Entries about the person, or entries of what they did. */
  @PrimaryColumn({ type: 'varchar', length: 6, primaryKeyConstraintName: 'audit_redactions_pkey' })
  side: Side;

  @Column({ type: 'timestamptz' })
  at: Date;

  @Column({ type: 'bigint' })
  id: string;
}
