import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: files to remove, known until they are gone, also if the storage is away right after the commit. */
export class AvatarRemovals1795600000000 implements MigrationInterface {
  name = 'AvatarRemovals1795600000000';

  async up(runner: QueryRunner): Promise<void> {
    // No index on due_at: rows live for a moment each, so the table has a page or two.
    await runner.query(`
      CREATE TABLE avatar_removals (
        name varchar(37) NOT NULL,             -- of the file; no user: it belongs to none any more
        due_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT avatar_removals_pkey PRIMARY KEY (name)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Files that were still to go are found by `npm run avatars:clean` too.
    await runner.query(`DROP TABLE avatar_removals`);
  }
}
