import type { MigrationInterface, QueryRunner } from 'typeorm';
import { dropIndexConcurrently } from './concurrent-index.js';
import { createSearchIndex, dropOwnExtension } from './search-index.js';

/** Search by substring over name, e-mail and company: one text, one trigram index. */
export class UserSearch1795536180000 implements MigrationInterface {
  name = 'UserSearch1795536180000';
  transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // RETURN binds names at creation: the body does not depend on a caller's (or pg_restore's) search_path. Not STRICT,
    // or it could not be inlined. Line breaks keep a match from spanning two fields.
    await runner.query(`
      CREATE OR REPLACE FUNCTION users_search_text(name text, email text, company text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN lower(name || E'\\n' || email || E'\\n' || coalesce(company, ''))`);
    await createSearchIndex(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await dropIndexConcurrently(runner, 'idx_users_search');
    await dropOwnExtension(runner);
    await runner.query(`DROP FUNCTION IF EXISTS users_search_text(text, text, text)`);
  }
}
