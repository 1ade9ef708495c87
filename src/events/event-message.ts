import type { Message } from 'kafkajs';
import type { SecurityEventType } from './security-events.js';
import type { EventType } from './user-events.js';

/** A row of the outbox to publish, by column names. */
export interface PendingEvent {
  id: string;
  event_id: string;
  user_id: string;
  event_type: EventType | SecurityEventType;
  /** Goes to the topic of security events. */
  security: boolean;
  /** JSON text, an object. */
  payload: string;
  traceparent: string | null;
  /** ISO 8601, UTC. */
  timestamp: string;
}

/** Raise it when the shape of an event changes; `docs/asyncapi.yaml` describes this version. */
const SCHEMA_VERSION = 1;

const TIMESTAMP = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** The broker drops the connection for a larger value instead of refusing the message. */
const MAX_VALUE_BYTES = 32 * 1024 * 1024;

/**
 * The same row always makes the same message, so a replay repeats messages exactly.
 * @throws Error for an event that the broker would refuse
 */
export function toMessage(event: PendingEvent): Message {
  const { event_id, event_type, user_id, payload, traceparent, timestamp } = event;
  if (!payload.startsWith('{') || !TIMESTAMP.test(timestamp)) throw new Error('no event can be made of this row');
  // Built as text: nothing needs escaping, and the payload is JSON already.
  const value = event.security ? toEventTokenText(event) : toUserEventText(event);
  if (value.length > MAX_VALUE_BYTES) throw new Error('larger than any broker takes');
  return {
    // The key chooses the partition: all events of a user are in one, in order.
    key: user_id,
    value,
    headers: {
      event_id,
      event_type,
      'content-type': 'application/json',
      ...(traceparent === null ? {} : { traceparent }),
    },
  };
}

function toUserEventText({ event_id, event_type, user_id, payload, timestamp }: PendingEvent): string {
  const fields = payload.length > 2 ? `${payload.slice(1, -1)},` : '';
  return (
    `{"event_type":"${event_type}","user_id":"${user_id}",${fields}` +
    `"timestamp":"${timestamp}","event_id":"${event_id}","schema_version":${SCHEMA_VERSION}}`
  );
}

/** Claims of a Security Event Token (RFC 8417). */
function toEventTokenText({ event_id, payload, timestamp }: PendingEvent): string {
  return `{"jti":"${event_id}","iat":${Math.floor(Date.parse(timestamp) / 1000)},${payload.slice(1)}`;
}
