import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexConcurrently, dropIndexConcurrently } from './concurrent-index.js';

/** Added against the specification: when the second factors of an account are removed, as an administrator has asked for. */
export class MfaResets1795790100000 implements MigrationInterface {
  name = 'MfaResets1795790100000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN IF NOT EXISTS mfa_reset_at timestamptz');
    await createIndexConcurrently(
      runner,
      'idx_users_mfa_reset',
      'ON users (mfa_reset_at) WHERE mfa_reset_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexConcurrently(runner, 'idx_users_mfa_reset');
    await runner.query('ALTER TABLE users DROP COLUMN mfa_reset_at');
  }
}
