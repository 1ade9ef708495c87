import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Added against the specification: links that change an address, links that undo a security event, and former addresses, which
 * are reserved for their users while such a link can restore them.
 */
export class SecurityNotices1795780000000 implements MigrationInterface {
  name = 'SecurityNotices1795780000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE one_time_tokens
        DROP CONSTRAINT one_time_tokens_purpose_check,
        ADD CONSTRAINT one_time_tokens_purpose_check
          CHECK (purpose IN ('password_reset', 'email_verification', 'email_change', 'not_me')),
        ADD COLUMN email varchar(255),
        ADD COLUMN needs_factor boolean NOT NULL DEFAULT false`);
    await runner.query(`
      CREATE TABLE former_emails (
        email varchar(255) CONSTRAINT former_emails_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT former_emails_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        email_legacy varchar(255),
        email_verified_at timestamptz,
        changed_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX idx_former_emails_user ON former_emails (user_id)');
    await runner.query('CREATE INDEX idx_former_emails_changed ON former_emails (changed_at)');
    // Which codes existed before an event that is undone.
    await runner.query('ALTER TABLE recovery_codes ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE recovery_codes DROP COLUMN created_at');
    await runner.query('DROP TABLE former_emails');
    await runner.query(`DELETE FROM one_time_tokens WHERE purpose IN ('email_change', 'not_me')`);
    await runner.query(`
      ALTER TABLE one_time_tokens
        DROP COLUMN needs_factor,
        DROP COLUMN email,
        DROP CONSTRAINT one_time_tokens_purpose_check,
        ADD CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('password_reset', 'email_verification'))`);
  }
}
