import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: what the exchange of refresh tokens has to know of the one before. */
export class SessionRotations1795630000000 implements MigrationInterface {
  name = 'SessionRotations1795630000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE user_sessions
        -- SHA-256 of the refresh token made of JWT_SECRET that was exchanged last. Others of that kind prove nothing.
        ADD COLUMN legacy_token varchar(64),
        -- expires_at as it was before today's first rotation (UTC): what people see must not tell when a rotation happens.
        ADD COLUMN previous_expires_at timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE user_sessions DROP COLUMN legacy_token, DROP COLUMN previous_expires_at`);
  }
}
