import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A stored picture that no profile shows any more and that is still to be removed. */
@Entity('avatar_removals')
export class AvatarRemoval {
  @PrimaryColumn({ type: 'varchar', length: 37, primaryKeyConstraintName: 'avatar_removals_pkey' })
  name: string;

  /** When it may be tried, by whichever instance comes to it. */
  @Column({ name: 'due_at', type: 'timestamptz', default: () => 'now()' })
  dueAt: Date;
}
