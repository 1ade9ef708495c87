import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'pg';
import { databaseError, sqlState } from '../common/database-errors.js';
import { createPool } from '../database/connection-options.js';
import { IS_WRITABLE } from '../database/read-only-recovery.js';
import { Settings } from '../config/settings.js';

/** Uses its own connection: a pool that requests have exhausted does not mean that the database is down. */
@Injectable()
export class DatabaseHealthIndicator implements OnApplicationShutdown {
  private readonly pool: Pool;

  constructor(settings: Settings) {
    this.pool = createPool(settings, 1);
    // Kept open: a new connection would be refused when other clients use up max_connections.
    this.pool.options.idleTimeoutMillis = 0;
    // Without a listener the process would exit; the next check finds the failure.
    this.pool.on('error', () => undefined);
  }

  /** @throws Error where the database does not answer, after a few seconds; an error that says "too busy" is an answer */
  async isWritable(): Promise<boolean> {
    try {
      const client = await this.pool.connect();
      // A read-only connection is discarded: the next one may reach another server.
      let writable = false;
      try {
        const { rows } = await client.query<{ writable: boolean }>(IS_WRITABLE);
        writable = rows[0]!.writable;
      } finally {
        client.release(!writable);
      }
      return writable;
    } catch (error) {
      // An error without a code is a time-out.
      if (sqlState(error) === undefined || databaseError(error)?.type !== 'busy') throw error;
      return true;
    }
  }

  onApplicationShutdown(): void {
    // Not awaited: a server that hangs would delay the shutdown.
    void this.pool.end();
  }
}
