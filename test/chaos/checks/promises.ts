import type { Person, Sequence } from '../people.js';
import { readBio, readInterests } from '../people.js';
import type { Rows, UserRow } from './database.js';
import type { TopicMessage } from './topic.js';

export interface PromiseFindings {
  /** Acknowledged changes. */
  acknowledged: number;
  /** Acknowledged changes that are missing in the row or the topic. */
  lost: string[];
  /** Rows and events without a request. */
  surplus: string[];
}

/** Compares every acknowledged change with the rows and events; unanswered ones may be missing. */
export function checkPromises(people: Person[], rows: Rows, messages: TopicMessage[]): PromiseFindings {
  const findings: PromiseFindings = { acknowledged: 0, lost: [], surplus: [] };
  const users = new Map(rows.users.map((user) => [user.email, user]));
  const events = new Map<string, Map<string, TopicMessage>>();
  for (const message of messages) {
    const own = events.get(message.user_id) ?? new Map<string, TopicMessage>();
    // Duplicates count once.
    events.set(message.user_id, own.set(message.event_id, message));
  }
  for (const person of people) {
    const row = users.get(person.email);
    checkRow(person, row, findings);
    const id = row?.id ?? person.id;
    if (id) checkOwnEvents(person, [...(events.get(id)?.values() ?? [])], findings);
  }
  return findings;
}

function checkRow(person: Person, row: UserRow | undefined, { lost, surplus }: PromiseFindings): void {
  const { name, state } = person;
  if (state === 'erased') {
    if (row) lost.push(`${name}: erased, and still there`);
    return;
  }
  if (!row) {
    if (state !== 'new' && state !== 'erasing') lost.push(`${name}: registered, and not there`);
    return;
  }
  const check = (field: string, stored: number | null, { acknowledged, sent }: Sequence) => {
    if (stored === null || stored > sent) surplus.push(`${name}: ${field} holds a value that was never sent`);
    else if (stored < acknowledged) lost.push(`${name}: ${field} is ${stored}, acknowledged was ${acknowledged}`);
  };
  check('bio', readBio(person, row.bio), person.bio);
  check('interests', readInterests(row.interests), person.interests);
  const { acknowledged, sent } = person.activity;
  if (acknowledged === sent && row.is_active !== (sent % 2 === 0)) lost.push(`${name}: is_active is ${row.is_active}`);
}

function checkOwnEvents(person: Person, messages: TopicMessage[], findings: PromiseFindings): void {
  const { name, state } = person;
  const ofType = (type: string) => messages.filter(({ event_type }) => event_type === type).length;
  const naming = (field: string) => messages.filter(({ updated_fields }) => updated_fields.includes(field)).length;
  const check = (what: string, found: number, least: number, most: number) => {
    findings.acknowledged += least;
    if (found < least) findings.lost.push(`${name}: ${found} events of ${what}, acknowledged were ${least}`);
    if (found > most) findings.surplus.push(`${name}: ${found} events of ${what}, tried were ${most}`);
  };
  check('registration', ofType('user.created'), state === 'new' ? 0 : 1, 1);
  check('bio', naming('bio'), person.bio.count, person.bio.sent);
  check('interests', naming('preferences.interests'), person.interests.count, person.interests.sent);
  check('is_active', naming('is_active'), person.activity.count, person.activity.sent);
  check(
    'erasure',
    ofType('user.deleted'),
    state === 'erased' ? 1 : 0,
    state === 'erased' || state === 'erasing' ? 1 : 0,
  );
}
