import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A key of ES256 that signs access tokens from `signsFrom` on, until a later one does. */
@Entity('signing_keys')
@Index('idx_signing_keys_retires_at', ['retiresAt'])
export class SigningKey {
  /** RFC 7638 thumbprint, the `kid` of tokens. */
  @PrimaryColumn({ type: 'varchar', length: 43, primaryKeyConstraintName: 'signing_keys_pkey' })
  kid: string;

  /** PKCS #8 PEM, encrypted for this row. */
  @Column({ name: 'private_key', type: 'text' })
  privateKey: string;

  @Column({ name: 'signs_from', type: 'timestamptz' })
  signsFrom: Date;

  /** When its last token has expired; null for the newest key. */
  @Column({ name: 'retires_at', type: 'timestamptz', nullable: true })
  retiresAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;
}
