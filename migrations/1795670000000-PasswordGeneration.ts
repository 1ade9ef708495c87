import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: a number in the keys of the sign-in limits, so that a new password starts them from zero. */
export class PasswordGeneration1795670000000 implements MigrationInterface {
  name = 'PasswordGeneration1795670000000';

  async up(runner: QueryRunner): Promise<void> {
    // A constant default: no row is rewritten.
    await runner.query('ALTER TABLE users ADD COLUMN password_generation integer NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN password_generation');
  }
}
