import type { Client } from 'pg';

/** SQLSTATE of a write to a read-only server, database or session. */
export const READ_ONLY = '25006';

export const IS_WRITABLE = `SELECT current_setting('transaction_read_only') = 'off' AS writable`;

const INTERVAL_MS = 500;

export interface PooledConnection {
  /** Removes it from the pool, now or when it is released. */
  retire(): void;
}

/**
 * Replaces the connections of a pool once one of them is read-only: after a fail-over it may lead to a replica, or it may keep
 * an old `default_transaction_read_only`. They continue to serve reads until a new connection is writable.
 */
export class ReadOnlyRecovery {
  readonly connections = new Set<PooledConnection>();
  private checking = false;

  constructor(private readonly createClient: () => Client) {}

  /** Call it when a write was refused. */
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
