import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: when and how a session's user authenticated (RFC 9068 §2.2.1), and whether a factor is set up. */
export class AuthenticationContext1795730000000 implements MigrationInterface {
  name = 'AuthenticationContext1795730000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE user_sessions
        ADD COLUMN auth_time timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN amr text[] NOT NULL DEFAULT '{}',
        ADD COLUMN acr varchar(10) NOT NULL DEFAULT 'aal1'
          CONSTRAINT user_sessions_acr_check CHECK (acr IN ('aal1', 'aal2'))`);
    await runner.query('UPDATE user_sessions SET auth_time = created_at');
    await runner.query('ALTER TABLE users ADD COLUMN mfa_enabled boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN mfa_enabled');
    await runner.query('ALTER TABLE user_sessions DROP COLUMN acr, DROP COLUMN amr, DROP COLUMN auth_time');
  }
}
