import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Publishing an event updates its row, and that writes every index of the table once more. Two of them were on random ids,
 * which made them more than half of the cost of a batch, and part of the cost of every change. What is left of their use is
 * finding the one event of a user that holds personal data. Identity of events rests on gen_random_uuid().
 */
export class LeanOutbox1795570000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX idx_outbox_subject ON outbox_events (user_id) WHERE event_type = 'user.created'`);
    await runner.query(`DROP INDEX idx_outbox_event_id`);
    await runner.query(`DROP INDEX idx_outbox_user`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE UNIQUE INDEX idx_outbox_event_id ON outbox_events (event_id)`);
    await runner.query(`CREATE INDEX idx_outbox_user ON outbox_events (user_id, id)`);
    await runner.query(`DROP INDEX idx_outbox_subject`);
  }
}
