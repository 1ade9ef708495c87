import type { Message } from 'kafkajs';
import type { EventType } from './user-events.js';

/** A row of the outbox on its way to the broker, columns by their own names. */
export interface PendingEvent {
  id: string;
  event_id: string;
  user_id: string;
  event_type: EventType;
  /** JSON text, an object. */
  payload: string;
  traceparent: string | null;
  /** ISO 8601, UTC. */
  timestamp: string;
}

/** Raised when what an event says changes its shape; `docs/asyncapi.yaml` describes this one. */
export const SCHEMA_VERSION = 1;

const TIMESTAMP = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Bytes of a value beyond which the broker would drop the connection instead of refusing the message. */
const MAX_VALUE_BYTES = 32 * 1024 * 1024;

/**
 * The message of an event. The same row always makes the same message, so a replay tells nothing new.
 * @throws Error for an event that cannot be written down
 */
export function toMessage(event: PendingEvent): Message {
  const { event_id, event_type, user_id, payload, traceparent, timestamp } = event;
  if (!payload.startsWith('{') || !TIMESTAMP.test(timestamp)) throw new Error('no event can be made of this row');
  // Put together as text: nothing of it has to be escaped, and parsing the payload would only be undone again.
  const said = payload.length > 2 ? `${payload.slice(1, -1)},` : '';
  const value =
    `{"event_type":"${event_type}","user_id":"${user_id}",${said}` +
    `"timestamp":"${timestamp}","event_id":"${event_id}","schema_version":${SCHEMA_VERSION}}`;
  if (value.length > MAX_VALUE_BYTES) throw new Error('larger than any broker takes');
  return {
    // The key chooses the partition: all events of a user stand in one, in order.
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
