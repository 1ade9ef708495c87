import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** The id that an imported user had in the service it came from. Erasure keeps the row, so that no import brings the user back. */
@Entity('legacy_ids')
@Unique('legacy_ids_user_id_key', ['userId'])
export class LegacyId {
  @PrimaryColumn({ type: 'varchar', length: 64, primaryKeyConstraintName: 'legacy_ids_pkey' })
  source: string;

  @PrimaryColumn({ name: 'legacy_id', type: 'varchar', length: 255, primaryKeyConstraintName: 'legacy_ids_pkey' })
  legacyId: string;

  @Column({ name: 'user_id', type: 'uuid' })
  userId: string;

  @Column({ name: 'erased_at', type: 'timestamptz', nullable: true })
  erasedAt: Date | null;
}
