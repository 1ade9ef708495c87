import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';
import { RelayWakeup } from './relay-wakeup.js';
import { SecurityEvent, toEventToken } from './security-events.js';
import type { UserEvent } from './user-events.js';

function payloadOf(event: UserEvent): Record<string, unknown> {
  if (event.type === 'user.created') return { email: event.email, name: event.name };
  return event.type === 'user.updated' ? { updated_fields: event.updatedFields } : {};
}

const ADD: Statement = {
  name: 'outbox_add',
  text: 'INSERT INTO outbox_events (user_id, event_type, payload, traceparent) VALUES ($1, $2, $3, $4)',
};

/** Ids follow the order of the array. */
const ADD_SECURITY: Statement = {
  name: 'outbox_add_security',
  text: `INSERT INTO outbox_events (user_id, event_type, payload, security)
         SELECT $1, event->>'type', event->'payload', true
           FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS list(event, place) ORDER BY place`,
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
    afterCommit(tx, async () => this.announce(event.type, event.userId));
    const values = [event.userId, event.type, payloadOf(event), context?.traceparent ?? null];
    await this.statements.queue(tx, ADD, values);
  }

  /** Like `add`, for events of one user on the topic of security events. */
  async addSecurity(tx: EntityManager, userId: string, events: SecurityEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { publicBaseUrl, securityEventAudience } = this.settings;
    const rows = events.map((event) => {
      const payload = toEventToken(event, userId, publicBaseUrl, securityEventAudience);
      return { type: event.type, payload };
    });
    for (const { type } of events) afterCommit(tx, async () => this.announce(type, userId));
    await this.statements.queue(tx, ADD_SECURITY, [userId, JSON.stringify(rows)]);
  }

  private announce(type: string, userId: string): void {
    if (this.settings.kafka.brokers.length > 0) return this.wakeup.notify();
    this.logger.info({ event_type: type, user_id: userId }, 'no Kafka is configured: the event stays in the outbox');
  }
}
