import type { EntityManager } from 'typeorm';

/** Which rows to delete by age. The names are constants of the caller, never input. */
export interface ExpiredRows {
  table: string;
  key: string;
  /** An indexed timestamp. */
  column: string;
  /** SQL expression; rows before it are deleted. */
  before: string;
}

/** Deletes the oldest expired rows, at most `maxRows`; returns their number. */
export async function deleteExpiredRows(
  tx: EntityManager,
  { table, key, column, before }: ExpiredRows,
  maxRows: number,
): Promise<number> {
  // ORDER BY and ARRAY keep the planner on the index: without them it may scan the whole table.
  const due = `SELECT ${key} FROM ${table} WHERE ${column} < ${before} ORDER BY ${column} LIMIT ${maxRows} FOR UPDATE SKIP LOCKED`;
  const [, count]: [unknown, number] = await tx.query(`DELETE FROM ${table} WHERE ${key} = ANY (ARRAY(${due}))`);
  return count;
}
