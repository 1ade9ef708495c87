import { Client } from 'pg';

/** Runs statements on a database whatever its default for writes is. */
export async function runWritable(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url, options: '-c default_transaction_read_only=off' });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** From now on every new connection to the database is read-only; those that there are end. */
export async function makeReadOnly(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await runWritable(
    url,
    `ALTER DATABASE ${name} SET default_transaction_read_only = on`,
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
}

/** New connections take writes; those that there are stay as they are. */
export async function makeWritable(url: string): Promise<void> {
  await runWritable(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} RESET default_transaction_read_only`);
}
