import { Check, Column, Entity, ForeignKey, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { User } from '../users/user.entity.js';

export const PROFILE_VISIBILITIES = ['public', 'private', 'connections'] as const;
export type ProfileVisibility = (typeof PROFILE_VISIBILITIES)[number];

/** One row per user, created at registration. */
@Entity('user_preferences')
@Check('user_preferences_age_check', `age_min >= 18 AND age_max >= age_min AND age_max <= 120`)
@Check('user_preferences_radius_check', `location_radius BETWEEN 1 AND 20000`)
@Check('user_preferences_privacy_check', `privacy_profile IN ('public', 'private', 'connections')`)
@Check(
  'user_preferences_lists_check',
  `cardinality(industries) <= 50 AND cardinality(job_levels) <= 50 AND cardinality(interests) <= 50`,
)
@Unique('user_preferences_user_id_key', ['userId'])
export class Preferences {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'user_preferences_pkey' })
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  @ForeignKey(() => User, { onDelete: 'CASCADE', name: 'user_preferences_user_id_fkey' })
  userId: string;

  @Column({ name: 'age_min', type: 'integer', default: 18 })
  ageMin: number;

  @Column({ name: 'age_max', type: 'integer', default: 65 })
  ageMax: number;

  /** Kilometres. */
  @Column({ name: 'location_radius', type: 'integer', default: 50 })
  locationRadius: number;

  @Column({ type: 'text', array: true, default: [] })
  industries: string[];

  @Column({ name: 'job_levels', type: 'text', array: true, default: [] })
  jobLevels: string[];

  @Column({ type: 'text', array: true, default: [] })
  interests: string[];

  @Column({ name: 'notification_email', type: 'boolean', default: true })
  notificationEmail: boolean;

  @Column({ name: 'notification_push', type: 'boolean', default: true })
  notificationPush: boolean;

  @Column({ name: 'privacy_profile', type: 'varchar', length: 20, default: 'public' })
  privacyProfile: ProfileVisibility;

  /** false hides the location on the member card. */
  @Column({ name: 'privacy_location', type: 'boolean', default: true })
  privacyLocation: boolean;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt: Date;
}
