import type { Client } from 'pg';

/** SQLSTATE of a write to a server, a database or a session that takes none. */
export const READ_ONLY = '25006';

export const IS_WRITABLE = `SELECT current_setting('transaction_read_only') = 'off' AS writable`;

const INTERVAL_MS = 500;

/** A connection that a pool holds. */
export interface PooledConnection {
  /** Takes it out of the pool, at once or when it is given back. */
  retire(): void;
}

/**
 * Replaces the connections of a pool that PostgreSQL refuses writes on. One may lead to a server that is no longer the primary,
 * or keep a default of the time it was made at. They serve reads until a new one is found that takes writes.
 */
export class ReadOnlyRecovery {
  readonly connections = new Set<PooledConnection>();
  private checking = false;

  constructor(private readonly createClient: () => Client) {}

  /** A write was refused. */
  start(): void {
    if (this.checking) return;
    this.checking = true;
    void this.check();
  }

  private async check(): Promise<void> {
    const before = [...this.connections];
    if (await this.isWritable().catch(() => false)) for (const connection of before) connection.retire();
    else if (this.connections.size > 0) return void setTimeout(() => void this.check(), INTERVAL_MS).unref();
    this.checking = false;
  }

  private async isWritable(): Promise<boolean> {
    const client = this.createClient();
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ writable: boolean }>(IS_WRITABLE);
      return rows[0]!.writable;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
