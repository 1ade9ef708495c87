import { Check, Column, Entity, Generated, Index, PrimaryGeneratedColumn } from 'typeorm';
import { SECURITY_EVENT_TYPES, type SecurityEventType } from './security-events.js';
import { EVENT_TYPES, type EventType } from './user-events.js';

const TYPES = [...EVENT_TYPES, ...SECURITY_EVENT_TYPES].map((type) => `'${type}'`).join(', ');

/** An event, written in the transaction of the change that it describes. */
@Entity('outbox_events')
@Check('outbox_events_type_check', `event_type IN (${TYPES})`)
@Index('idx_outbox_pending', ['id'], { where: '((published_at IS NULL) AND (parked_at IS NULL))' })
@Index('idx_outbox_security', ['id'], { where: '(security AND (published_at IS NULL) AND (parked_at IS NULL))' })
@Index('idx_outbox_parked', ['userId'], { where: '(parked_at IS NOT NULL)' })
@Index('idx_outbox_subject', ['userId'], { where: `((event_type)::text = 'user.created'::text)` })
@Index('idx_outbox_created_at', ['createdAt'])
export class OutboxEvent {
  /** The order of publication: for each user the order of commits, since the user's row is locked first. */
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'outbox_events_pkey',
  })
  id: string;

  @Column({ name: 'event_id', type: 'uuid' })
  @Generated('uuid')
  eventId: string;

  // No foreign key: the event outlives its user.
  @Column({ name: 'user_id', type: 'uuid' })
  userId: string;

  @Column({ name: 'event_type', type: 'varchar', length: 50 })
  eventType: EventType | SecurityEventType;

  /** Belongs on the topic of security events. */
  @Column({ type: 'boolean', default: false })
  security: boolean;

  /** The message value without `event_id`, `event_type`, `user_id`, `timestamp` and `schema_version`. */
  @Column({ type: 'jsonb', default: {} })
  payload: Record<string, unknown>;

  /** W3C trace context of the request that made the change. */
  @Column({ type: 'varchar', length: 55, nullable: true })
  traceparent: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt: Date;

  @Column({ name: 'published_at', type: 'timestamptz', nullable: true })
  publishedAt: Date | null;

  /** Set when the broker refused the event for good. Parked events are not retried. */
  @Column({ name: 'parked_at', type: 'timestamptz', nullable: true })
  parkedAt: Date | null;

  @Column({ name: 'last_error', type: 'text', nullable: true })
  lastError: string | null;
}
