import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Provider } from '../../config/settings.auth.js';
import { User } from '../user.entity.js';

/** A provider account linked to a user; the first one is mirrored into `users.oauth_*`. */
@Entity('user_identities')
@Check('user_identities_provider_check', `provider IN ('google', 'linkedin')`)
@Unique('user_identities_provider_subject_key', ['provider', 'providerUserId'])
@Index('idx_identities_user', ['userId'])
export class Identity {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'user_identities_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'user_identities_user_id_fkey' })
  userId: string;

  @Column({ type: 'varchar', length: 50 })
  provider: Provider;

  @Column({ name: 'provider_user_id', type: 'varchar', length: 255 })
  providerUserId: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  email: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;
}
