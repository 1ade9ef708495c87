import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** The outbox from the side of one person. */
@Injectable()
export class OutboxSubjects {
  /**
   * Puts placeholders in place of what events say of a person who is being erased: those that are kept for a replay, and those
   * that still wait. They stay valid and in order, so consumers learn of an account that was there and has gone, and no replay
   * brings a name back. Called under the lock on the user's row, before `user.deleted` is added.
   */
  async erase(tx: EntityManager, userId: string): Promise<void> {
    const payload = { email: `${userId}@erased.invalid`, name: 'Erased' };
    await tx.query(
      `UPDATE outbox_events SET payload = $2, traceparent = NULL WHERE user_id = $1 AND event_type = 'user.created'`,
      [userId, payload],
    );
    // A parked event holds back all that come after it, user.deleted too. It gets another chance, now that it says less.
    await tx.query(
      `UPDATE outbox_events SET parked_at = NULL, last_error = NULL WHERE user_id = $1 AND parked_at IS NOT NULL`,
      [userId],
    );
  }
}
