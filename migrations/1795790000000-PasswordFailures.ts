import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: wrong passwords of an account in a row, which disable the password (NIST SP 800-63B-4 §3.2.2). */
export class PasswordFailures1795790000000 implements MigrationInterface {
  name = 'PasswordFailures1795790000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN password_failures integer NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN password_failures');
  }
}
