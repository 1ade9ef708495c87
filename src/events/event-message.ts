import type { Message } from 'kafkajs';
import type { EventType } from './user-events.js';

/** A row of the outbox on its way to the broker, columns by their own names. */
export interface PendingEvent {
  id: string;
  event_id: string;
  user_id: string;
  event_type: EventType;
  payload: Record<string, unknown>;
  traceparent: string | null;
  created_at: Date;
}

/** Raised when what an event says changes its shape; `docs/asyncapi.yaml` describes this one. */
export const SCHEMA_VERSION = 1;

/** Bytes of a value beyond which the broker would drop the connection instead of refusing the message. */
const LARGEST = 32 * 1024 * 1024;

/**
 * The message of an event. The same row always makes the same message, so a replay tells nothing new.
 * @throws Error for an event that cannot be written down
 */
export function toMessage(event: PendingEvent): Message {
  const { event_id, event_type, user_id, payload, traceparent, created_at } = event;
  const timestamp = created_at.toISOString();
  const value = JSON.stringify({
    event_type,
    user_id,
    ...payload,
    timestamp,
    event_id,
    schema_version: SCHEMA_VERSION,
  });
  if (value.length > LARGEST) throw new Error('larger than any broker takes');
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
