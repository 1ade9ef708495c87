import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** The place of an audit entry in the Merkle tree, and what its leaf commits to. */
@Entity('audit_leaves')
@Unique('audit_leaves_entry_id_key', ['entryId'])
export class AuditLeaf {
  @PrimaryColumn({ name: 'leaf_index', type: 'bigint', primaryKeyConstraintName: 'audit_leaves_pkey' })
  leafIndex: string;

  // No foreign key: the tables change at different times, and a missing entry has to be found, not prevented.
  @Column({ name: 'entry_id', type: 'bigint' })
  entryId: string;

  /** SHA-256 over the salt of the person and the fields that are the actor's. */
  @Column({ type: 'bytea' })
  actor: Buffer;

  @Column({ type: 'bytea' })
  target: Buffer;

  /** Every committed entry up to this id had a leaf when this one was added; the next leader searches from there. */
  @Column({ name: 'settled_id', type: 'bigint' })
  settledId: string;
}
