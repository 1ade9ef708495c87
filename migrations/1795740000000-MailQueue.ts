import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Added against the specification: mail that waits to be sent, and requests whose account is looked up after the answer.
 * `contents` is ciphertext bound to the row.
 */
export class MailQueue1795740000000 implements MigrationInterface {
  name = 'MailQueue1795740000000';

  async up(runner: QueryRunner): Promise<void> {
    // No foreign key: the notice of an erasure outlives its user. `user_id` is null for a request.
    await runner.query(`
      CREATE TABLE mail_queue (
        id uuid CONSTRAINT mail_queue_pkey PRIMARY KEY,
        kind varchar(40) NOT NULL,
        user_id uuid,
        contents text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        last_error varchar(200),
        created_at timestamptz NOT NULL DEFAULT now(),
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        failed_at timestamptz,
        bundled boolean NOT NULL DEFAULT false
      )`);
    await runner.query('CREATE INDEX idx_mail_queue_due ON mail_queue (next_attempt_at) WHERE failed_at IS NULL');
    await runner.query('CREATE INDEX idx_mail_queue_parked ON mail_queue (failed_at) WHERE failed_at IS NOT NULL');
    await runner.query('CREATE INDEX idx_mail_queue_user ON mail_queue (user_id) WHERE user_id IS NOT NULL');
    await runner.query('CREATE INDEX idx_mail_queue_requests ON mail_queue (created_at) WHERE user_id IS NULL');
    await runner.query('CREATE UNIQUE INDEX idx_mail_queue_bundled ON mail_queue (user_id, kind) WHERE bundled');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE mail_queue');
  }
}
