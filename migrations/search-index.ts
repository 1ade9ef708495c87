import type { QueryRunner } from 'typeorm';
import { createIndexConcurrently } from './concurrent-index.js';

const CREATED_HERE = 'pg_trgm was created together with this function';

/**
 * Builds the trigram index of the user search where pg_trgm can be had; repeatable.
 * @returns false where it cannot: search works without, by reading every row
 */
export async function createSearchIndex(runner: QueryRunner): Promise<boolean> {
  // Extension and comment in one transaction: down() drops only an extension that came with this migration.
  // Any failure is swallowed: hosted servers have their own ways of refusing an extension.
  await runner.query(`
    DO $$
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE EXTENSION pg_trgm;
        COMMENT ON FUNCTION users_search_text(text, text, text) IS '${CREATED_HERE}';
      END IF;
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'user search goes without pg_trgm: %', SQLERRM;
    END
    $$`);
  const found = (await runner.query(
    `SELECT quote_ident(nspname) AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
     WHERE extname = 'pg_trgm'`,
  )) as { schema: string }[];
  if (!found[0]) return false;
  const column = `users_search_text(name, email, company) ${found[0].schema}.gin_trgm_ops`;
  await createIndexConcurrently(runner, 'idx_users_search', `ON users USING gin (${column})`);
  return true;
}

/** Drops the extension if this migration brought it and nothing else has come to use it. */
export async function dropOwnExtension(runner: QueryRunner): Promise<void> {
  await runner.query(`
    DO $$
    BEGIN
      IF obj_description(to_regprocedure('users_search_text(text, text, text)'), 'pg_proc') = '${CREATED_HERE}' THEN
        DROP EXTENSION IF EXISTS pg_trgm;
      END IF;
    EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
      NULL;
    END
    $$`);
}
