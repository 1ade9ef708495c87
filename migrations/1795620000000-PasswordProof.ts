import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Added against the specification: whether the owner of the address chose the password, and what a mailed link was used with,
 * so that a repeated request can be told from a second use.
 */
export class PasswordProof1795620000000 implements MigrationInterface {
  name = 'PasswordProof1795620000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE users ADD COLUMN password_proven_at timestamptz`);
    // A reset went through the mailbox, and for an account that the operator made the operator vouches. Of every other
    // password it is not known whether the maker of the account is the owner of the address.
    await runner.query(`
      UPDATE users SET password_proven_at = proof.at
        FROM (SELECT target_id, min(at) AS at FROM audit_logs
               WHERE action = 'password.reset'
                  OR action = 'user.registered' AND actor_id IS NULL AND after->>'role' = 'admin'
               GROUP BY target_id) AS proof
       WHERE id = target_id AND password_hash IS NOT NULL AND is_verified`);
    await runner.query(`
      ALTER TABLE users ADD CONSTRAINT users_password_proven_check
        CHECK (password_proven_at IS NULL OR (password_hash IS NOT NULL AND is_verified))`);

    // So far a used link and one that another's use has ended look the same; only the former may be repeated.
    await runner.query(`DELETE FROM one_time_tokens WHERE used_at IS NOT NULL`);
    await runner.query(`
      ALTER TABLE one_time_tokens
        ADD COLUMN used_with bytea,            -- MAC of the token and what it was used for
        ADD COLUMN mismatches integer NOT NULL DEFAULT 0`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE one_time_tokens DROP COLUMN mismatches, DROP COLUMN used_with`);
    await runner.query(`ALTER TABLE users DROP COLUMN password_proven_at`);
  }
}
