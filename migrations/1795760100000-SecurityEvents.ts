import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexConcurrently, dropIndexConcurrently } from './concurrent-index.js';

/** Events of another topic in the same outbox. Every change inserts into it, so nothing here may block writers for long. */
export class SecurityEvents1795760100000 implements MigrationInterface {
  name = 'SecurityEvents1795760100000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE outbox_events ADD COLUMN IF NOT EXISTS security boolean NOT NULL DEFAULT false');
    await runner.query(`
      ALTER TABLE outbox_events DROP CONSTRAINT IF EXISTS outbox_events_type_check, ADD CONSTRAINT outbox_events_type_check CHECK (
        event_type IN ('user.created', 'user.updated', 'user.deleted', 'session.revoked', 'sessions.revoked_all', 'credential.changed',
          'account.disabled', 'account.enabled', 'identifier.changed', 'account.purged')) NOT VALID`);
    await runner.query('ALTER TABLE outbox_events VALIDATE CONSTRAINT outbox_events_type_check');
    await createIndexConcurrently(
      runner,
      'idx_outbox_security',
      'ON outbox_events (id) WHERE security AND published_at IS NULL AND parked_at IS NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexConcurrently(runner, 'idx_outbox_security');
    await runner.query('DELETE FROM outbox_events WHERE security');
    await runner.query(`
      ALTER TABLE outbox_events DROP COLUMN security, DROP CONSTRAINT outbox_events_type_check,
        ADD CONSTRAINT outbox_events_type_check CHECK (event_type IN ('user.created', 'user.updated', 'user.deleted'))`);
  }
}
