import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: what Redis holds for minutes and for one use, while Redis is away or not configured. */
export class EphemeralValues1795540000000 implements MigrationInterface {
  name = 'EphemeralValues1795540000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ephemeral_values (
        key text NOT NULL,
        value text NOT NULL,                   -- empty once taken
        expires_at timestamptz NOT NULL,
        CONSTRAINT ephemeral_values_pkey PRIMARY KEY (key)
      )`);
    await runner.query(`CREATE INDEX idx_ephemeral_expires ON ephemeral_values (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE ephemeral_values`);
  }
}
