import { Client } from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { databaseOptions } from '../../src/database/connection-options.js';
import { migrate } from '../../src/database/migrator.js';
import { ScratchDatabases, testSettings } from '../support/scratch-database.js';
import { until } from '../support/until.js';

/** Like any that adds a table with a foreign key to the users, and a column to theirs. */
class Child1000000000000 implements MigrationInterface {
  name = 'Child1000000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE child (user_id uuid REFERENCES users (id))');
    await runner.query('ALTER TABLE users ADD COLUMN more int');
  }

  async down(): Promise<void> {}
}

it('does not deadlock with a transaction of the release that still runs', async () => {
  const databases = new ScratchDatabases();
  const url = await databases.create();
  const settings = testSettings(url);
  const dataSource = new DataSource({
    ...databaseOptions(settings),
    migrations: [Child1000000000000],
    logger: 'debug',
  });
  const request = new Client({ connectionString: url });
  try {
    await dataSource.initialize();
    await request.connect();
    await request.query(
      'CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid()); INSERT INTO users DEFAULT VALUES',
    );
    await request.query('BEGIN');
    await request.query('SELECT * FROM users');
    const lines: string[] = [];
    const migrated = migrate(dataSource, (line) => lines.push(line));
    await until(() => lines.length > 0);
    await request.query('INSERT INTO users DEFAULT VALUES');
    await request.query('COMMIT');
    await expect(migrated).resolves.toEqual(['Child1000000000000']);
    expect(lines).toEqual(['a transaction of another program holds a table: waiting for it']);
    expect(await dataSource.query('SELECT more FROM users')).toEqual([{ more: null }, { more: null }]);
  } finally {
    await Promise.all([dataSource.destroy(), request.end()]);
    await databases.drop();
  }
});
