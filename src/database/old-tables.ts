import type { DataSource } from 'typeorm';

/** @throws Error with the way out where the database holds the tables of the Flask service that this one replaces */
export async function refuseOldTables(dataSource: DataSource): Promise<void> {
  const [id] = await dataSource.query<{ data_type: string; name: string }[]>(
    `SELECT data_type, current_database() AS name FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name = 'users' AND column_name = 'id'`,
  );
  if (!id || id.data_type === 'uuid') return;
  throw new Error(
    `the database "${id.name}" holds the tables of the old Flask service (users.id is ${id.data_type}, not uuid): let DATABASE_URL ` +
      `name an empty database, then bring the users over with: npm run import -- --from <URL of "${id.name}"> (docs/import.md)`,
  );
}
