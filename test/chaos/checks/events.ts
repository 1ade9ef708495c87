import type { OutboxRow } from './database.js';
import type { TopicMessage } from './topic.js';

export interface EventFindings {
  /** Rows of the outbox. */
  events: number;
  /** Those of them on the topic of security events. */
  security: number;
  messages: number;
  /** Committed events that are missing in the topic. */
  lost: string[];
  /** Messages without a row, such as those of a rolled-back change. */
  phantom: string[];
  /** Events first seen before an earlier one of the same user, or outside the user's partition. */
  reordered: string[];
  /**
   * Events last seen after a later one of the same user: a consumer that keeps the last message would be left with an
   * older state. Redelivery after a crash runs from the oldest to the newest, so this must not happen.
   */
  trailing: string[];
  /** Duplicates; allowed, because consumers deduplicate by `event_id`. */
  duplicated: number;
  parked: number;
}

/** Compares committed events with the topic. */
export function checkEvents(outbox: OutboxRow[], messages: TopicMessage[]): EventFindings {
  const rows = new Map(outbox.map((row) => [row.event_id, row]));
  const firsts = new Map<string, TopicMessage>();
  const lasts = new Map<string, TopicMessage>();
  const phantom: string[] = [];
  for (const message of messages) {
    const row = rows.get(message.event_id);
    if (
      !row ||
      row.user_id !== message.user_id ||
      row.event_type !== message.event_type ||
      row.security !== message.security
    )
      phantom.push(message.event_id);
    if (!firsts.has(message.event_id)) firsts.set(message.event_id, message);
    lasts.set(message.event_id, message);
  }
  const lost = outbox.filter(({ event_id }) => !firsts.has(event_id));
  const last = new Map<string, { row: OutboxRow; message: TopicMessage }>();
  const reordered: string[] = [];
  const trailing: string[] = [];
  for (const row of outbox) {
    const message = firsts.get(row.event_id);
    if (!message) continue;
    const scope = `${row.security} ${row.user_id}`;
    const before = last.get(scope);
    const strayed = message.key !== row.user_id || (before && before.message.partition !== message.partition);
    if (strayed || (before && before.message.offset > message.offset))
      reordered.push(`event ${row.id} of ${row.user_id} (${row.event_type}), ${before?.row.id} before it`);
    else if (before && lasts.get(before.row.event_id)!.offset > lasts.get(row.event_id)!.offset)
      trailing.push(`event ${before.row.id} of ${row.user_id} was repeated after event ${row.id}`);
    last.set(scope, { row, message });
  }
  return {
    events: outbox.length,
    security: outbox.filter(({ security }) => security).length,
    messages: messages.length,
    lost: lost.map(
      ({ id, user_id, event_type, published }) => `${event_type} ${id} of ${user_id}, marked: ${published}`,
    ),
    phantom,
    reordered,
    trailing,
    duplicated: messages.length - firsts.size,
    parked: outbox.filter(({ parked }) => parked).length,
  };
}
