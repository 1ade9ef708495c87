import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'pg';
import { databaseError, sqlState } from '../common/database-errors.js';
import { createPool } from '../database/connection-options.js';
import { IS_WRITABLE } from '../database/read-only-recovery.js';
import { Settings } from '../config/settings.js';

/**
 * Asks PostgreSQL whether it is there, over a connection of its own: where requests have taken all the others, the service
 * is busy and the database is not down.
 */
@Injectable()
export class DatabaseHealthIndicator implements OnApplicationShutdown {
  private readonly pool: Pool;

  constructor(settings: Settings) {
    this.pool = createPool(settings, 1);
    // Kept between two looks: where others use up max_connections, a new one would be refused.
    this.pool.options.idleTimeoutMillis = 0;
    // The next question finds out too; without a listener the process would end.
    this.pool.on('error', () => undefined);
  }

  /**
   * Whether it takes writes.
   * @throws Error where the database does not answer, which may take seconds; that it is too busy is an answer
   */
  async isWritable(): Promise<boolean> {
    try {
      const client = await this.pool.connect();
      // Not kept unless it takes writes: the next one may lead to another server.
      let writable = false;
      try {
        const { rows } = await client.query<{ writable: boolean }>(IS_WRITABLE);
        writable = rows[0]!.writable;
      } finally {
        client.release(!writable);
      }
      return writable;
    } catch (error) {
      // Without a code it was the wait for a connection that ended, and nobody has answered.
      if (sqlState(error) === undefined || databaseError(error)?.type !== 'busy') throw error;
      return true;
    }
  }

  onApplicationShutdown(): void {
    // Not awaited: a server that hangs would hold the shutdown.
    void this.pool.end();
  }
}
