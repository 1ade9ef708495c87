import { Injectable, OnApplicationShutdown } from '@nestjs/common';
import { Pool } from 'pg';
import { boundedPool } from '../config/database.js';
import { Settings } from '../config/settings.js';

/**
 * Asks PostgreSQL whether it is there, over a connection of its own: where requests have taken all the others, the service
 * is busy and the database is not down.
 */
@Injectable()
export class DatabaseProbe implements OnApplicationShutdown {
  private readonly pool: Pool;

  constructor(settings: Settings) {
    this.pool = boundedPool(settings, 1);
    // The next question finds out too; without a listener the process would end.
    this.pool.on('error', () => undefined);
  }

  /** @throws Error where the database does not answer, which may take seconds */
  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  onApplicationShutdown(): void {
    // Not awaited: a server that hangs would hold the shutdown.
    void this.pool.end();
  }
}
