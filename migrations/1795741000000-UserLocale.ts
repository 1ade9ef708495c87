import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Added against the specification: the language of mails to the user. Without a CHECK: a new language needs no migration. */
export class UserLocale1795741000000 implements MigrationInterface {
  name = 'UserLocale1795741000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE users ADD COLUMN locale varchar(10) NOT NULL DEFAULT 'en'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN locale');
  }
}
