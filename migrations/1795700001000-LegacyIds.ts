import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: which id an imported user had in the old service. */
export class LegacyIds1795700001000 implements MigrationInterface {
  name = 'LegacyIds1795700001000';

  async up(runner: QueryRunner): Promise<void> {
    // No foreign key: the row outlives an erased user, so that no later import brings the user back.
    await runner.query(`
      CREATE TABLE legacy_ids (
        source varchar(64) NOT NULL,
        legacy_id varchar(255) NOT NULL,
        user_id uuid NOT NULL,
        erased_at timestamptz,
        CONSTRAINT legacy_ids_pkey PRIMARY KEY (source, legacy_id),
        CONSTRAINT legacy_ids_user_id_key UNIQUE (user_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE legacy_ids');
  }
}
