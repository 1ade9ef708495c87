import { hasNote, writeNote } from '../redis/ephemeral-notes.js';

/** Longer than any entry serves. */
const MAX_AGE_SECONDS = 10_800;
const NOTE = 'cache:doubt';

type Query = (sql: string, values: unknown[]) => Promise<unknown[]>;

/** Persists that invalidation failed, so the next process starts with an untrusted cache. */
export function persistFailedInvalidation(query: Query): Promise<void> {
  return writeNote(query, NOTE, MAX_AGE_SECONDS);
}

export function hasFailedInvalidation(query: Query): Promise<boolean> {
  return hasNote(query, NOTE);
}
