import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** Makes commitments about a person unguessable. Deleted with the account, after which they say nothing any more. */
@Entity('audit_salts')
@Check('audit_salts_salt_check', 'octet_length(salt) = 32')
export class AuditSalt {
  @PrimaryColumn({ name: 'person_id', type: 'uuid', primaryKeyConstraintName: 'audit_salts_pkey' })
  personId: string;

  @Column({ type: 'bytea' })
  salt: Buffer;
}
