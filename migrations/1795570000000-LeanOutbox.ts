import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexConcurrently, dropIndexConcurrently } from './concurrent-index.js';

/**
 * Publishing an event updates its row, and that writes every index of the table once more. Two of them were on random ids,
 * which made them more than half of the cost of a batch, and part of the cost of every change. What is left of their use is
 * finding the one event of a user that holds personal data. Identity of events rests on gen_random_uuid(). Every change
 * inserts into the table, so that nothing here may block writers.
 */
export class LeanOutbox1795570000000 implements MigrationInterface {
  name = 'LeanOutbox1795570000000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    await createIndexConcurrently(
      runner,
      'idx_outbox_subject',
      `ON outbox_events (user_id) WHERE event_type = 'user.created'`,
    );
    await dropIndexConcurrently(runner, 'idx_outbox_event_id');
    await dropIndexConcurrently(runner, 'idx_outbox_user');
  }

  async down(runner: QueryRunner): Promise<void> {
    await createIndexConcurrently(runner, 'idx_outbox_event_id', 'ON outbox_events (event_id)', 'UNIQUE INDEX');
    await createIndexConcurrently(runner, 'idx_outbox_user', 'ON outbox_events (user_id, id)');
    await dropIndexConcurrently(runner, 'idx_outbox_subject');
  }
}
