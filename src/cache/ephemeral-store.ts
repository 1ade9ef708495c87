import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import { CircuitBreaker, RedisUnavailable } from './circuit-breaker.js';

/** Rows that each write clears away; more than it adds, so the table never holds much more than what is live. */
const SWEEP = 100;

/**
 * Values for one use within minutes: in Redis, or in PostgreSQL while Redis is away or not configured. Keys are random or
 * hashed by the caller; values must be harmless to whoever reads the table.
 */
@Injectable()
export class EphemeralStore {
  constructor(
    private readonly breaker: CircuitBreaker,
    private readonly database: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @param value not empty */
  async put(key: string, value: string, seconds: number): Promise<void> {
    const stored = await this.inRedis((redis) => redis.set(key, value, 'PX', seconds * 1000));
    if (stored !== null) return;
    // An array, which is looked up key by key: to join the keys, the planner would read the table.
    await this.database.query(
      `WITH swept AS (
         DELETE FROM ephemeral_values WHERE key = ANY (ARRAY(
           SELECT key FROM ephemeral_values WHERE expires_at < now() ORDER BY expires_at LIMIT ${SWEEP} FOR UPDATE SKIP LOCKED)))
       INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))`,
      [key, value, seconds],
    );
  }

  /** The value, once: of any number of calls at the same time one gets it, the others null. */
  async take(key: string): Promise<string | null> {
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
    return (row ? row.value : cached) || null;
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
