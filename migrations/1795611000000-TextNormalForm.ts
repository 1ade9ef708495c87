import type { MigrationInterface, QueryRunner } from 'typeorm';
import { replaceIndexConcurrently } from './concurrent-index.js';

const TEXTS = ['name', 'location', 'industry', 'job_title', 'company'];
const LIMITS: Record<string, number> = { industry: 100 };

/** Of one statement. */
const BATCH_ROWS = 10_000;

/**
 * Search compares texts in one normal form (NFC) and without regard to case, in any locale of the database: in one of
 * locale C `lower` knows ASCII only. New texts come as NFC; those from before are brought into it here.
 */
export class TextNormalForm1795611000000 implements MigrationInterface {
  name = 'TextNormalForm1795611000000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const [{ utf8, icu }] = (await runner.query(`SELECT utf8, utf8 AND to_regcollation('"und-x-icu"') IS NOT NULL AS icu
      FROM (SELECT getdatabaseencoding() = 'UTF8' AS utf8) e`)) as [{ utf8: boolean; icu: boolean }];
    if (utf8) await normalizeTexts(runner);
    if (!icu)
      await runner.query(
        `DO $$ BEGIN RAISE WARNING 'PostgreSQL without ICU: user search takes case as the locale of the database does'; END $$`,
      );
    // ICU writes a sigma at the end of a word in another way than within, and a search may end anywhere.
    const folded = icu ? `translate(lower(value COLLATE "und-x-icu"), 'ς', 'σ')` : 'lower(value)';
    await runner.query(`
      CREATE OR REPLACE FUNCTION users_search_fold(value text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN ${folded}`);
    await replaceSearchText(runner, 'users_search_fold');
  }

  async down(runner: QueryRunner): Promise<void> {
    await replaceSearchText(runner, 'lower');
    await runner.query('DROP FUNCTION IF EXISTS users_search_fold(text)');
  }
}

async function normalizeTexts(runner: QueryRunner): Promise<void> {
  // Some characters are two in NFC.
  const values = TEXTS.map((column) => `${column} = left(normalize(${column}, NFC), ${LIMITS[column] ?? 255})`);
  const denormal = TEXTS.map((column) => `${column} IS NOT NFC NORMALIZED`);
  let last: string | undefined = '00000000-0000-0000-0000-000000000000';
  while (last !== undefined) {
    const [batch] = (await runner.query(
      `WITH batch AS (SELECT id, ${TEXTS.join(', ')} FROM users WHERE id > $1 ORDER BY id LIMIT ${BATCH_ROWS}), changed AS (
         UPDATE users SET ${values.join(', ')} WHERE id IN (SELECT id FROM batch WHERE ${denormal.join(' OR ')})
       )
       SELECT max(id::text) AS last FROM batch`,
      [last],
    )) as { last: string | null }[];
    last = batch!.last ?? undefined;
  }
}

/** The index was built with the function as it was, so it is built anew; until then a search may miss a few rows. */
async function replaceSearchText(runner: QueryRunner, fold: string): Promise<void> {
  await runner.query(`
    CREATE OR REPLACE FUNCTION users_search_text(name text, email text, company text) RETURNS text
      LANGUAGE sql IMMUTABLE PARALLEL SAFE
      RETURN ${fold}(name || E'\\n' || email || E'\\n' || coalesce(company, ''))`);
  const [index] = (await runner.query(
    `SELECT 'ON users ' || substring(pg_get_indexdef(to_regclass('idx_users_search')) FROM 'USING .*') AS definition`,
  )) as { definition: string | null }[];
  // Without one there was no pg_trgm, or a run of this was killed before its last step.
  if (index?.definition) await replaceIndexConcurrently(runner, 'idx_users_search', index.definition);
  else await runner.query('ALTER INDEX IF EXISTS idx_users_search_next RENAME TO idx_users_search');
}
