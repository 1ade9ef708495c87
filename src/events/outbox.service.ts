import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';
import { RelayWakeup } from './relay-wakeup.js';
import type { UserEvent } from './user-events.js';

function payloadOf(event: UserEvent): Record<string, unknown> {
  if (event.type === 'user.created') return { email: event.email, name: event.name };
  return event.type === 'user.updated' ? { updated_fields: event.updatedFields } : {};
}

const ADD: Statement = {
  name: 'outbox_add',
  text: 'INSERT INTO outbox_events (user_id, event_type, payload, traceparent) VALUES ($1, $2, $3, $4)',
};

@Injectable()
export class OutboxService {
  constructor(
    private readonly statements: PreparedStatements,
    private readonly settings: Settings,
    private readonly wakeup: RelayWakeup,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Writes the event in the caller's transaction, at its end at the latest. The transaction must hold the lock on the user's
   * row: then the order of ids is the order of commits, user by user.
   */
  async add(tx: EntityManager, event: UserEvent, context: RequestContext | null): Promise<void> {
    afterCommit(tx, async () => this.announce(event));
    const values = [event.userId, event.type, payloadOf(event), context?.traceparent ?? null];
    await this.statements.queue(tx, ADD, values);
  }

  private announce({ type, userId }: UserEvent): void {
    if (this.settings.kafka.brokers.length > 0) return this.wakeup.notify();
    this.logger.info({ event_type: type, user_id: userId }, 'no Kafka is configured: the event stays in the outbox');
  }
}
