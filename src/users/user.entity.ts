import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { Provider } from '../config/settings.auth.js';

export const ROLES = ['user', 'moderator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** One account. `phone` and `date_of_birth` hold ciphertext bound to this row's id, never clear text. */
@Entity('users')
@Check('users_email_check', `email = lower(btrim(email)) AND char_length(email) BETWEEN 3 AND 254`)
@Check('users_name_check', `btrim(name) <> ''`)
@Check('users_role_check', `role IN ('user', 'moderator', 'admin')`)
@Check('users_oauth_provider_check', `oauth_provider IN ('google', 'linkedin')`)
@Check('users_oauth_pair_check', `(oauth_provider IS NULL) = (oauth_id IS NULL)`)
@Check('users_verified_check', `is_verified = (email_verified_at IS NOT NULL)`)
@Check('users_passkey_status_check', `passkey_status IN ('unproven', 'proven')`)
@Check('users_password_proven_check', `password_proven_at IS NULL OR (password_hash IS NOT NULL AND is_verified)`)
@Index('idx_users_email', { synchronize: false })
@Index('idx_users_oauth', ['oauthProvider', 'oauthId'])
@Index('idx_users_active', ['isActive'])
@Index('idx_users_name', ['name', 'id'])
@Index('idx_users_email_legacy', ['emailLegacy'], { unique: true, where: '(email_legacy IS NOT NULL)' })
@Index('idx_users_email_active', { synchronize: false })
@Index('idx_users_created_at', { synchronize: false })
@Index('idx_users_last_login', { synchronize: false })
@Index('idx_users_no_login', ['id'], { where: '(last_login IS NULL)' })
@Index('idx_users_staff', { synchronize: false })
@Index('idx_users_google_oauth', { synchronize: false })
@Index('idx_users_linkedin_oauth', { synchronize: false })
@Index('idx_users_mfa_reset', ['mfaResetAt'], { where: '(mfa_reset_at IS NOT NULL)' })
@Index('idx_users_search', { synchronize: false })
@Index('idx_users_admins', { synchronize: false })
export class User {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'users_pkey' })
  id: string;

  @Column({ type: 'varchar', length: 255 })
  email: string;

  /** The address as first registered, where the canonical spelling in `email` differs; else null. */
  @Column({ name: 'email_legacy', type: 'varchar', length: 255, nullable: true })
  emailLegacy: string | null;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash: string | null;

  /** When the owner of the address was proven to have chosen the password. */
  @Column({ name: 'password_proven_at', type: 'timestamptz', nullable: true })
  passwordProvenAt: Date | null;

  /** Incremented when the user sets a password, by mailed link or signed in; part of the key of the sign-in limits. */
  @Column({ name: 'password_generation', type: 'integer', default: 0 })
  passwordGeneration: number;

  /** Wrong passwords in a row. */
  @Column({ name: 'password_failures', type: 'integer', default: 0 })
  passwordFailures: number;

  @Column({ type: 'varchar', length: 20, default: 'user' })
  role: Role;

  @Column({ name: 'oauth_provider', type: 'varchar', length: 50, nullable: true })
  oauthProvider: Provider | null;

  @Column({ name: 'oauth_id', type: 'varchar', length: 255, nullable: true })
  oauthId: string | null;

  /** The file name of an uploaded picture or the URL of a provider's; responses show `pictureUrl` of it. */
  @Column({ name: 'profile_picture_url', type: 'text', nullable: true })
  profilePictureUrl: string | null;

  @Column({ type: 'text', nullable: true })
  bio: string | null;

  @Column({ type: 'varchar', length: 255, nullable: true })
  location: string | null;

  @Column({ type: 'varchar', length: 100, nullable: true })
  industry: string | null;

  @Column({ name: 'job_title', type: 'varchar', length: 255, nullable: true })
  jobTitle: string | null;

  @Column({ type: 'varchar', length: 255, nullable: true })
  company: string | null;

  @Column({ name: 'linkedin_url', type: 'varchar', length: 500, nullable: true })
  linkedinUrl: string | null;

  @Column({ type: 'text', nullable: true })
  phone: string | null;

  @Column({ name: 'date_of_birth', type: 'text', nullable: true })
  dateOfBirth: string | null;

  @Column({ type: 'varchar', length: 20, nullable: true })
  gender: string | null;

  @Column({ name: 'is_active', type: 'boolean', default: true })
  isActive: boolean;

  @Column({ name: 'is_verified', type: 'boolean', default: false })
  isVerified: boolean;

  @Column({ name: 'email_verified_at', type: 'timestamptz', nullable: true })
  emailVerifiedAt: Date | null;

  /** The language of mails. */
  @Column({ type: 'varchar', length: 10, default: 'en' })
  locale: string;

  /** Whether a second factor or a passkey is set up; written by `auth` in the transaction that changes them. */
  @Column({ name: 'mfa_enabled', type: 'boolean', default: false })
  mfaEnabled: boolean;

  /** Null without a passkey; `unproven` where a person other than the owner of the address may have made one. */
  @Column({ name: 'passkey_status', type: 'varchar', length: 10, nullable: true })
  passkeyStatus: 'unproven' | 'proven' | null;

  /** When all second factors are removed, unless one of them signs in before. */
  @Column({ name: 'mfa_reset_at', type: 'timestamptz', nullable: true })
  mfaResetAt: Date | null;

  @Column({ name: 'status_reason', type: 'varchar', length: 500, nullable: true })
  statusReason: string | null;

  @Column({ name: 'status_changed_at', type: 'timestamptz', nullable: true })
  statusChangedAt: Date | null;

  // No foreign key: the record outlives the administrator who acted.
  @Column({ name: 'status_changed_by', type: 'uuid', nullable: true })
  statusChangedBy: string | null;

  @Column({ name: 'last_login', type: 'timestamptz', nullable: true })
  lastLogin: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt: Date;
}
