import { Client } from 'pg';

export interface UserRow {
  id: string;
  email: string;
  bio: string | null;
  is_active: boolean;
  interests: string[];
}

export interface OutboxRow {
  id: string;
  event_id: string;
  user_id: string;
  event_type: string;
  security: boolean;
  published: boolean;
  parked: boolean;
}

export interface Rows {
  users: UserRow[];
  /** In the order of their ids, which is the commit order of each user. */
  outbox: OutboxRow[];
}

export async function withDatabase<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export function readRows(url: string): Promise<Rows> {
  return withDatabase(url, async (client) => {
    const users = await client.query<UserRow>(
      `SELECT u.id, email, bio, is_active, coalesce(p.interests, '{}') AS interests
         FROM users u LEFT JOIN user_preferences p ON p.user_id = u.id`,
    );
    const outbox = await client.query<OutboxRow>(
      `SELECT id, event_id, user_id, event_type, security, published_at IS NOT NULL AS published, parked_at IS NOT NULL AS parked
         FROM outbox_events ORDER BY id`,
    );
    return { users: users.rows, outbox: outbox.rows };
  });
}

/** Unpublished events. */
export function waitingEvents(url: string): Promise<number> {
  return withDatabase(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM outbox_events WHERE published_at IS NULL AND parked_at IS NULL',
    );
    return rows[0]!.count;
  });
}
