import { Check, Column, Entity, JoinColumn, OneToOne, PrimaryColumn } from 'typeorm';
import type { Relation } from 'typeorm';
import { User } from '../user.entity.js';

/** An entry of a list that the apps fill: a text, or an object of texts, numbers and flags. */
export type DetailEntry = string | Record<string, string | number | boolean | null>;

/** What the mobile app shows of a user beside the profile; at most one row a user, made with the first value. */
@Entity('user_profile_details')
@Check('user_profile_details_lists_check', 'cardinality(skills) <= 50 AND cardinality(event_types) <= 50')
export class ProfileDetails {
  @PrimaryColumn({ name: 'user_id', type: 'uuid', primaryKeyConstraintName: 'user_profile_details_pkey' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_profile_details_user_id_fkey' })
  user: Relation<User>;

  @Column({ type: 'varchar', length: 255, nullable: true })
  headline: string | null;

  @Column({ type: 'varchar', length: 255, nullable: true })
  availability: string | null;

  @Column({ type: 'text', array: true, default: [] })
  skills: string[];

  @Column({ name: 'event_types', type: 'text', array: true, default: [] })
  eventTypes: string[];

  @Column({ type: 'jsonb', default: [] })
  experiences: DetailEntry[];

  @Column({ type: 'jsonb', default: [] })
  links: DetailEntry[];

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt: Date;
}
