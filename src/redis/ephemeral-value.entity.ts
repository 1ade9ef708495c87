import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A value for one use within minutes, kept here while Redis is away; empty once taken. Also the note of `noteDoubt`. */
@Entity('ephemeral_values')
@Index('idx_ephemeral_expires', ['expiresAt'])
export class EphemeralValue {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'ephemeral_values_pkey' })
  key: string;

  @Column({ type: 'text' })
  value: string;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;
}
