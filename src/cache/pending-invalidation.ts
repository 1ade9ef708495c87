/** Seconds, more than any entry serves. */
const MAX_AGE_SECONDS = 10_800;
const KEY = 'cache:doubt';

type Query = (sql: string, values: unknown[]) => Promise<unknown[]>;

/**
 * Notes in the database that an event has gone out whose user's entries could not be emptied. The process that could not will
 * make up for it; should it end before it can, the next one to start knows that what is cached may be out of date.
 */
export async function persistFailedInvalidation(query: Query): Promise<void> {
  await query(
    `INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, '', now() + make_interval(secs => $2))
     ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at`,
    [KEY, MAX_AGE_SECONDS],
  );
}

export async function hasFailedInvalidation(query: Query): Promise<boolean> {
  return (await query('SELECT FROM ephemeral_values WHERE key = $1 AND expires_at > now()', [KEY])).length > 0;
}
