import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import { User } from '../../users/user.entity.js';

/** A discoverable WebAuthn credential with user verification. */
@Entity('webauthn_credentials')
@Index('idx_webauthn_credentials_user', ['userId'])
@Index('idx_webauthn_credentials_credential', ['credentialId'], { unique: true })
export class Passkey {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'webauthn_credentials_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'webauthn_credentials_user_id_fkey' })
  userId: string;

  /** Base64url of at most 1,023 bytes (WebAuthn Level 3 §4). */
  @Column({ name: 'credential_id', type: 'varchar', length: 1364 })
  credentialId: string;

  /** COSE (RFC 9052). */
  @Column({ name: 'public_key', type: 'bytea' })
  publicKey: Buffer;

  /** Signatures so far, 32 bits unsigned; 0 for authenticators that do not count. */
  @Column({ type: 'bigint', transformer: { from: Number, to: (value: unknown) => value } })
  counter: number;

  @Column({ type: 'text', array: true, default: [] })
  transports: string[];

  /** Whether it can be copied to other devices of the user; never changes. */
  @Column({ name: 'backup_eligible', type: 'boolean' })
  backupEligible: boolean;

  @Column({ name: 'backed_up', type: 'boolean' })
  backedUp: boolean;

  @Column({ type: 'varchar', length: 100 })
  name: string;

  @Column({ name: 'rp_id', type: 'varchar', length: 253 })
  rpId: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;
}
