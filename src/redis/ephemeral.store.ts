import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { deleteExpiredRows } from '../database/expired-rows.js';
import { CircuitBreaker, RedisUnavailable } from './circuit-breaker.js';
import { EntrySigner } from './entry-signer.js';

/** Rows that each write clears away; more than it adds, so the table never holds much more than what is live. */
const CLEANUP_ROWS = 100;
/** Redis ends an entry in time; the end in its MAC only stops a replay, and the clocks of instances may differ by so much. */
const CLOCK_TOLERANCE_MS = 60_000;
/** How long a used value is known to be used: longer than the MAC of any of them is good. */
const USED_SECONDS = 3600;

/**
 * Values for one use within minutes: in Redis, or in PostgreSQL while Redis is away or not configured. Keys are random or
 * hashed by the caller; values must be harmless to whoever reads the table.
 */
@Injectable()
export class EphemeralStore {
  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly signer: EntrySigner,
    private readonly settings: Settings,
    private readonly database: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @param value not empty */
  async put(key: string, value: string, seconds: number): Promise<void> {
    // Beside instances of a release that signs nothing, values go where both read them.
    if (this.settings.jwt.binding === 'require') {
      const entry = this.signer.sign(key, value, Date.now() + seconds * 1000 + CLOCK_TOLERANCE_MS);
      if ((await this.inRedis((redis) => redis.set(key, entry, 'PX', seconds * 1000))) !== null) return;
    }
    // An array, which is looked up key by key: to join the keys, the planner would read the table.
    await this.database.query(
      `WITH swept AS (
         DELETE FROM ephemeral_values WHERE key = ANY (ARRAY(
           SELECT key FROM ephemeral_values WHERE expires_at < now() ORDER BY expires_at LIMIT ${CLEANUP_ROWS} FOR UPDATE SKIP LOCKED)))
       INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))`,
      [key, value, seconds],
    );
  }

  /** The value, once: of any number of calls at the same time one gets it, the others null. */
  async consume(key: string): Promise<string | null> {
    const [cached, stored] = await Promise.all([
      this.inRedis((redis) => redis.getdel(key)),
      // Emptied, not deleted: a SET that timed out may have reached Redis all the same, and that copy would be a second use.
      this.database.query<[{ value: string }[], number]>(
        `WITH found AS (SELECT key, value FROM ephemeral_values WHERE key = $1 AND expires_at > now() FOR UPDATE)
         UPDATE ephemeral_values AS row SET value = '' FROM found WHERE row.key = found.key RETURNING found.value`,
        [key],
      ),
    ]);
    const row = stored[0][0];
    if (row || !cached) return row?.value || null;
    const value = this.signer.open(key, cached);
    return value !== null && (await this.noteUse(key)) ? value : null;
  }

  /** That a value is used up stands in PostgreSQL: to write it to Redis once more does not bring it back. */
  private async noteUse(key: string): Promise<boolean> {
    const used: unknown[] = await this.database.query(
      `INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, '', now() + make_interval(secs => $2))
       ON CONFLICT (key) DO NOTHING RETURNING 1`,
      [key, USED_SECONDS],
    );
    return used.length > 0;
  }

  private async inRedis<T>(command: (redis: Redis) => Promise<T>): Promise<T | null> {
    try {
      return await this.breaker.run(command);
    } catch (error) {
      // A server that refuses (read-only, out of memory, still loading) is as good as none. The message alone: the error
      // carries the command with its values.
      if (!(error instanceof RedisUnavailable)) this.logger.warn({ reason: String(error) }, 'Redis refused a command');
      return null;
    }
  }
}

/** Each write deletes some too, but there may be no further write. */
export function deleteExpiredValues(tx: EntityManager, maxRows: number): Promise<number> {
  const rows = { table: 'ephemeral_values', key: 'key', column: 'expires_at', before: 'now()' };
  return deleteExpiredRows(tx, rows, maxRows);
}
