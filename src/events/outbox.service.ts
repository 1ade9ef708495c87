import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { OutboxEvent } from './outbox-event.entity.js';
import type { UserEvent } from './user-events.js';

function payloadOf(event: UserEvent): Record<string, unknown> {
  if (event.type === 'user.created') return { email: event.email, name: event.name };
  return event.type === 'user.updated' ? { updated_fields: event.updatedFields } : {};
}

@Injectable()
export class OutboxService {
  /**
   * Writes the event in the transaction of the change it tells of. The caller must hold the lock on the user's row by then:
   * that makes the order of ids the order of commits, user by user.
   */
  async add(tx: EntityManager, event: UserEvent, context: RequestContext | null): Promise<void> {
    await tx.insert(OutboxEvent, {
      userId: event.userId,
      eventType: event.type,
      payload: payloadOf(event) as never,
      traceparent: context?.traceparent ?? null,
    });
  }
}
