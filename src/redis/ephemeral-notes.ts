type Query = (sql: string, values: unknown[]) => Promise<unknown[]>;

/** A flag for the other processes, always in PostgreSQL; writing it again extends its life. */
export async function writeNote(query: Query, key: string, seconds: number): Promise<void> {
  await query(
    `INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, '', now() + make_interval(secs => $2))
     ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at`,
    [key, seconds],
  );
}

export async function hasNote(query: Query, key: string): Promise<boolean> {
  return (await query('SELECT FROM ephemeral_values WHERE key = $1 AND expires_at > now()', [key])).length > 0;
}
