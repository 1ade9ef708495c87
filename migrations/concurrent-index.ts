import type { QueryRunner } from 'typeorm';

/**
 * Builds an index without blocking writers; outside a transaction only. Repeatable: a valid index of that name is kept,
 * and what a killed build left behind (an index that is maintained but never used) is dropped first.
 * @param definition what follows the index's name: `ON users (name)`
 */
export async function createIndexConcurrently(
  runner: QueryRunner,
  name: string,
  definition: string,
  kind: 'INDEX' | 'UNIQUE INDEX' = 'INDEX',
): Promise<void> {
  const found = (await runner.query(`SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)`, [name])) as {
    indisvalid: boolean;
  }[];
  if (found[0]?.indisvalid) return;
  if (found[0]) await dropIndexConcurrently(runner, name);
  await runner.query(`CREATE ${kind} CONCURRENTLY ${name} ${definition}`);
}

export async function dropIndexConcurrently(runner: QueryRunner, name: string): Promise<void> {
  await runner.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
}

/** Gives an index another definition; the old one serves until the new one is built. Repeatable like the others. */
export async function replaceIndexConcurrently(
  runner: QueryRunner,
  name: string,
  definition: string,
  kind: 'INDEX' | 'UNIQUE INDEX' = 'INDEX',
): Promise<void> {
  const next = `${name}_next`;
  await createIndexConcurrently(runner, next, definition, kind);
  await dropIndexConcurrently(runner, name);
  await runner.query(`ALTER INDEX ${next} RENAME TO ${name}`);
}
