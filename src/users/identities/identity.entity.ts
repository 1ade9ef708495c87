import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Relation } from 'typeorm';
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
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_identities_user_id_fkey' })
  user: Relation<User>;

  @Column({ type: 'varchar', length: 50 })
  provider: Provider;

  @Column({ name: 'provider_user_id', type: 'varchar', length: 255 })
  providerUserId: string;

  @Column({ type: 'varchar', length: 255, nullable: true })
  email: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;
}
