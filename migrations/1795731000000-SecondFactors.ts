import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: authenticator apps (RFC 6238) and recovery codes. */
export class SecondFactors1795731000000 implements MigrationInterface {
  name = 'SecondFactors1795731000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE mfa_factors (
        id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT mfa_factors_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT mfa_factors_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        name varchar(100) NOT NULL,
        secret text NOT NULL,
        last_step integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        confirmed_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_used timestamptz
      )`);
    await runner.query('CREATE INDEX idx_mfa_factors_user ON mfa_factors (user_id)');
    await runner.query(`
      CREATE TABLE recovery_codes (
        id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT recovery_codes_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT recovery_codes_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        code_mac varchar(64) NOT NULL
      )`);
    await runner.query('CREATE INDEX idx_recovery_codes_user ON recovery_codes (user_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE recovery_codes, mfa_factors');
  }
}
