import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { databaseOptions } from '../../src/database/connection-options.js';
import { readSettings } from '../../src/config/settings.js';
import { entities } from '../../src/entities.js';
import { workerDatabase } from './environment.js';

/** Additional databases, for specs that change the schema. */
export class ScratchDatabases {
  private readonly names: string[] = [];
  private readonly open: DataSource[] = [];

  /** @returns URL of a new, empty database; `options` as in `CREATE DATABASE` */
  async create(options = ''): Promise<string> {
    const url = new URL(await workerDatabase());
    const name = `scratch_${randomBytes(6).toString('hex')}`;
    await this.admin(`CREATE DATABASE ${name} ${options}`);
    this.names.push(name);
    url.pathname = `/${name}`;
    return url.href;
  }

  /** A connection with all entities and migrations, closed by `drop`. */
  async connect(url: string): Promise<DataSource> {
    const dataSource = new DataSource({
      ...databaseOptions(testSettings(url)),
      entities,
      migrations,
      poolSize: 3,
      logger: 'debug',
    });
    this.open.push(await dataSource.initialize());
    return dataSource;
  }

  /** Runs statements as the server's administrator, outside the scratch databases. */
  async admin(...statements: string[]): Promise<void> {
    const client = new Client({ connectionString: await workerDatabase() });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  async drop(): Promise<void> {
    for (const dataSource of this.open) if (dataSource.isInitialized) await dataSource.destroy();
    await this.admin(...this.names.map((name) => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  }
}

export function testSettings(url: string) {
  const secrets = { JWT_SECRET: 'test-only-secret', ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}` };
  return readSettings({ NODE_ENV: 'test', DATABASE_URL: url, ...secrets });
}
