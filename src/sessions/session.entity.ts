import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { Authentication } from '../common/http/request-context.js';
import { User } from '../users/user.entity.js';

/** A signed-in device. `refresh_token` is the SHA-256 of the current refresh token, in hex. */
@Entity('user_sessions')
@Check('user_sessions_counter_check', `counter >= 0`)
@Check('user_sessions_revoked_check', `(revoked_at IS NULL) = (revoked_reason IS NULL)`)
@Check('user_sessions_acr_check', `acr IN ('aal1', 'aal2')`)
@Index('idx_sessions_user', ['userId'])
@Index('idx_sessions_token', ['refreshToken'], { unique: true })
@Index('idx_sessions_expires', ['expiresAt'])
@Index('idx_sessions_revoked', ['revokedAt'], { where: '(revoked_at IS NOT NULL)' })
export class Session {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'user_sessions_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'user_sessions_user_id_fkey' })
  userId: string;

  @Column({ name: 'refresh_token', type: 'varchar', length: 500 })
  refreshToken: string;

  /** Rotations so far; part of the refresh token. */
  @Column({ type: 'integer', default: 0 })
  counter: number;

  @Column({ name: 'rotated_at', type: 'timestamptz', nullable: true })
  rotatedAt: Date | null;

  /** SHA-256 of the last exchanged refresh token that was signed with `JWT_SECRET`, as by earlier releases. */
  @Column({ name: 'legacy_token', type: 'varchar', length: 64, nullable: true })
  legacyToken: string | null;

  /** `expiresAt` before the first rotation of the day (UTC) of `rotatedAt`. */
  @Column({ name: 'previous_expires_at', type: 'timestamptz', nullable: true })
  previousExpiresAt: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt: Date | null;

  @Column({ name: 'revoked_reason', type: 'varchar', length: 50, nullable: true })
  revokedReason: string | null;

  @Column({ name: 'device_info', type: 'jsonb', nullable: true })
  deviceInfo: Record<string, unknown> | null;

  @Column({ name: 'ip_address', type: 'inet', nullable: true })
  ipAddress: string | null;

  @Column({ name: 'user_agent', type: 'varchar', length: 500, nullable: true })
  userAgent: string | null;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;

  /** `expiresAt` never moves beyond it (OWASP ASVS 7.3.2). */
  @Column({ name: 'ends_at', type: 'timestamptz', default: () => "(now() + '90 days')" })
  endsAt: Date;

  /** Last authentication by the user: the sign-in, or a later confirmation in the session. */
  @Column({ name: 'auth_time', type: 'timestamptz', default: () => 'now()' })
  authTime: Date;

  /** Authentication methods (RFC 8176). */
  @Column({ type: 'text', array: true, default: [] })
  amr: string[];

  @Column({ type: 'varchar', length: 10, default: 'aal1' })
  acr: Authentication['acr'];

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'last_used', type: 'timestamptz', default: () => 'now()' })
  lastUsed: Date;
}
