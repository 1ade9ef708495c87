import type { EntityManager } from 'typeorm';

/** Rows to delete by age. The columns are the caller's own words, never input. */
export interface ExpiredRows {
  table: string;
  key: string;
  /** A timestamp with an index. */
  column: string;
  /** SQL; rows before it are deleted. */
  before: string;
}

/**
 * Deletes the oldest expired rows, at most `maxRows`.
 * @returns how many rows were deleted
 */
export async function deleteExpiredRows(
  tx: EntityManager,
  { table, key, column, before }: ExpiredRows,
  maxRows: number,
): Promise<number> {
  // In order, and as an array: else the planner would read the whole table for the rows that are due, or to join them.
  const due = `SELECT ${key} FROM ${table} WHERE ${column} < ${before} ORDER BY ${column} LIMIT ${maxRows} FOR UPDATE SKIP LOCKED`;
  const [, count]: [unknown, number] = await tx.query(`DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(${due}))`);
  return count;
}
