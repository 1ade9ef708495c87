import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A stored picture that no profile shows any more and that is to be deleted. */
@Entity('avatar_removals')
export class AvatarRemoval {
  @PrimaryColumn({ type: 'varchar', length: 37, primaryKeyConstraintName: 'avatar_removals_pkey' })
  name: string;

  /** Earliest time of the next attempt, by any instance. */
  @Column({ name: 'due_at', type: 'timestamptz', default: () => 'now()' })
  dueAt: Date;
}
