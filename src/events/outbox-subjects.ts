import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** The events of one data subject. */
@Injectable()
export class OutboxSubjects {
  /**
   * Replaces personal data in pending and published events by placeholders, so that no replay brings a name back. Events
   * stay valid and in order. Call it under the lock on the user's row, before `user.deleted` is added.
   */
  async erase(tx: EntityManager, userId: string): Promise<void> {
    const payload = { email: `${userId}@erased.invalid`, name: 'Erased' };
    await tx.query(
      `UPDATE outbox_events SET payload = $2, traceparent = NULL WHERE user_id = $1 AND event_type = 'user.created'`,
      [userId, payload],
    );
    // A parked event would hold back user.deleted. It is retried, since it is smaller now.
    await tx.query(
      `UPDATE outbox_events SET parked_at = NULL, last_error = NULL WHERE user_id = $1 AND parked_at IS NOT NULL`,
      [userId],
    );
  }
}
