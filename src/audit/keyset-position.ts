/** A keyset position in all audit lists, in PostgreSQL's text format: a `Date` would lose the microseconds. */
export interface Position {
  at: string;
  id: string;
}

/**
 * For a transaction that reads an audit page by page: with old statistics the planner would read and sort all of it for each
 * page. JIT is off because a sort that remains then looks expensive enough to compile.
 */
export const ALONG_THE_INDEX = 'SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off';
