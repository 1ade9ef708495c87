import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A one-time value that is stored here while Redis is down; empty once consumed. Also the flags of `writeNote`. */
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
