import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { DataSource, EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { deleteExpiredRows } from '../database/expired-rows.js';
import { CircuitBreaker, RedisUnavailable } from './circuit-breaker.js';
import { EntrySigner } from './entry-signer.js';

/** Expired rows that each write deletes. */
const CLEANUP_ROWS = 100;
/** Added to the expiry in the MAC, which only stops replays: the clocks of instances may differ by this much. */
const CLOCK_TOLERANCE_MS = 60_000;
/** How long consumed values are recorded; longer than any MAC is valid. */
const USED_SECONDS = 3600;

/**
 * One-time values that live for minutes: in Redis, or in PostgreSQL while Redis is down or not configured. Callers use random
 * or hashed keys, and values that are not secret.
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
    // Instances of a release that does not sign entries read PostgreSQL only.
    if (this.settings.jwt.binding === 'require') {
      const entry = this.signer.sign(key, value, Date.now() + seconds * 1000 + CLOCK_TOLERANCE_MS);
      if ((await this.inRedis((redis) => redis.set(key, entry, 'PX', seconds * 1000))) !== null) return;
    }
    // ARRAY() makes the planner look up each key; for a join it would read the whole table.
    await this.database.query(
      `WITH expired AS (
         DELETE FROM ephemeral_values WHERE key = ANY (ARRAY(
           SELECT key FROM ephemeral_values WHERE expires_at < now() ORDER BY expires_at LIMIT ${CLEANUP_ROWS} FOR UPDATE SKIP LOCKED)))
       INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))`,
      [key, value, seconds],
    );
  }

  /** The value, without using it up. */
  async read(key: string): Promise<string | null> {
    const [cached, [row]] = await Promise.all([
      this.inRedis((redis) => redis.get(key)),
      // A used value is empty here.
      this.database.query<{ value: string }[]>(
        'SELECT value FROM ephemeral_values WHERE key = $1 AND expires_at > now()',
        [key],
      ),
    ]);
    return row ? row.value || null : cached && this.signer.verify(key, cached);
  }

  /** Returns the value once; all other calls, concurrent ones too, get null. */
  async consume(key: string): Promise<string | null> {
    const [cached, stored] = await Promise.all([
      this.inRedis((redis) => redis.getdel(key)),
      // Emptied, not deleted: a SET that timed out may still have reached Redis, and that copy must not be consumed.
      this.database.query<[{ value: string }[], number]>(
        `WITH found AS (SELECT key, value FROM ephemeral_values WHERE key = $1 AND expires_at > now() FOR UPDATE)
         UPDATE ephemeral_values AS row SET value = '' FROM found WHERE row.key = found.key RETURNING found.value`,
        [key],
      ),
    ]);
    const row = stored[0][0];
    if (row || !cached) return row?.value || null;
    const value = this.signer.verify(key, cached);
    return value !== null && (await this.recordUse(key)) ? value : null;
  }

  /** Recorded in PostgreSQL, so that a value that is written to Redis again cannot be consumed again. */
  private async recordUse(key: string): Promise<boolean> {
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
      // Only the message: the error contains the command with its values.
      if (!(error instanceof RedisUnavailable)) this.logger.warn({ reason: String(error) }, 'Redis refused a command');
      return null;
    }
  }
}

/** For the periodic cleanup: `put` deletes expired rows too, but may never be called again. */
export function deleteExpiredValues(tx: EntityManager, maxRows: number): Promise<number> {
  const rows = { table: 'ephemeral_values', key: 'key', column: 'expires_at', before: 'now()' };
  return deleteExpiredRows(tx, rows, maxRows);
}
