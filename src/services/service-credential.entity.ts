import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { ServiceScope } from '../common/service-scopes.js';

/** The credential of another service. A revoked row stays: the audit refers to its id. */
@Entity('service_credentials')
@Check('service_credentials_tokens_check', `cardinality(token_hashes) BETWEEN 1 AND 2`)
@Index('idx_service_credentials_name', ['name'], { unique: true, where: '(revoked_at IS NULL)' })
export class ServiceCredential {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'service_credentials_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'text', array: true })
  scopes: ServiceScope[];

  /** SHA-256 of the valid tokens, hex: the current one, then the one before it until it is revoked or replaced. */
  @Column({ name: 'token_hashes', type: 'text', array: true })
  tokenHashes: string[];

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'rotated_at', type: 'timestamptz', nullable: true })
  rotatedAt: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt: Date | null;
}
