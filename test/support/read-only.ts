import { Client } from 'pg';

/** Runs statements on a database that may be read-only by default. */
export async function runWritable(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url, options: '-c default_transaction_read_only=off' });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes new connections to the database read-only and closes the existing ones. */
export async function makeReadOnly(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await runWritable(
    url,
    `ALTER DATABASE ${name} SET default_transaction_read_only = on`,
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
}

/** Makes new connections writable; existing ones stay as they are. */
export async function makeWritable(url: string): Promise<void> {
  await runWritable(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} RESET default_transaction_read_only`);
}
