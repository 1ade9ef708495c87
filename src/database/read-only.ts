import type { DataSource, EntityManager } from 'typeorm';

/** For a statement of a list: the gateway gives up after ten seconds. */
export const MAX_LIST_STATEMENT_MS = 3000;

/** Runs a list or a search in a read-only transaction whose statements are cut off, SQLSTATE 57014, after three seconds. */
export function runReadOnly<T>(database: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    // JIT compilation would take longer than any of these statements.
    await tx.query(
      `SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${MAX_LIST_STATEMENT_MS}; SET LOCAL jit = off`,
    );
    return work(tx);
  });
}
