import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { Call, Statement, PreparedStatements } from '../database/prepared-statements.js';
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
   * Writes the event in the caller's transaction, which must have locked the user's row: that makes the order of ids the
   * order of commits, for each user.
   */
  async add(tx: EntityManager, event: UserEvent, context: RequestContext | null): Promise<void> {
    await this.statements.run(tx, ...this.adding(tx, event, context));
  }

  /** What `add` writes, for `Statements.runTogether`. */
  adding(tx: EntityManager, event: UserEvent, context: RequestContext | null): Call {
    afterCommit(tx, async () => this.announce(event));
    return [ADD, [event.userId, event.type, payloadOf(event), context?.traceparent ?? null]];
  }

  private announce({ type, userId }: UserEvent): void {
    if (this.settings.kafka.brokers.length > 0) return this.wakeup.notify();
    this.logger.info({ event_type: type, user_id: userId }, 'no Kafka is configured: the event stays in the outbox');
  }
}
