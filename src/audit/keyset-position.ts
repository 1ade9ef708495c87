/** An entry in the order of all audit lists, as PostgreSQL writes it: a `Date` would lose the microseconds. */
export interface Position {
  at: string;
  id: string;
}

/**
 * For a transaction that reads somebody's audit in pieces: where statistics are old, the planner would rather read and sort
 * the whole of it for each. A sort that cannot be avoided then looks expensive enough to compile, which takes longer than it.
 */
export const ALONG_THE_INDEX = 'SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off';
