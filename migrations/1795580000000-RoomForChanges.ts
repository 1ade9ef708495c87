import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Most changes of a profile touch no indexed column. With room left in the page the new version of the row stays there and no
 * index is written (HOT); without, fourteen are, which among millions of users are not in memory. Counts for pages written
 * from now on; `VACUUM FULL users` makes room in the others, and locks the table while it runs.
 */
export class RoomForChanges1795580000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users SET (fillfactor = 85)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users RESET (fillfactor)');
  }
}
