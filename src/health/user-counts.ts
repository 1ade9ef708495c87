import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

export interface UserCounts {
  active_users: number;
  total_users: number;
  oauth_providers: { google: number; linkedin: number };
}

/** Milliseconds for which a result serves. */
const FRESH = 60_000;
/** Rows up to which counting is exact; beyond, the planner's statistics answer, which cost the same at any size. */
const EXACT_UP_TO = 20_000;

interface Statistic {
  column: string;
  value: string;
  share: number;
}

@Injectable()
export class UserCountsService {
  private counts: Promise<UserCounts> | undefined;
  private expires = 0;

  constructor(private readonly database: DataSource) {}

  /** Shared by all callers for a minute; a failure is not kept. */
  async get(): Promise<UserCounts> {
    if (!this.counts || Date.now() > this.expires) {
      this.expires = Date.now() + FRESH;
      this.counts = this.read().catch((error: unknown) => {
        this.counts = undefined;
        throw error;
      });
    }
    return this.counts;
  }

  private async read(): Promise<UserCounts> {
    const [{ rows }] = await this.database.query<[{ rows: number }]>(
      `SELECT count(*)::int AS rows FROM (SELECT FROM users LIMIT ${EXACT_UP_TO + 1}) AS first_rows`,
    );
    return rows <= EXACT_UP_TO ? this.count() : this.estimate();
  }

  private async count(): Promise<UserCounts> {
    const [row] = await this.database.query<[Record<'total' | 'active' | 'google' | 'linkedin', number>]>(
      `SELECT count(*)::int AS total, count(*) FILTER (WHERE is_active)::int AS active,
              count(*) FILTER (WHERE oauth_provider = 'google')::int AS google,
              count(*) FILTER (WHERE oauth_provider = 'linkedin')::int AS linkedin FROM users`,
    );
    return {
      active_users: row.active,
      total_users: row.total,
      oauth_providers: { google: row.google, linkedin: row.linkedin },
    };
  }

  private async estimate(): Promise<UserCounts> {
    // Rows a page as of the last ANALYZE, times the pages of this moment: what the planner itself assumes.
    const [{ total }] = await this.database.query<[{ total: number }]>(
      `SELECT (reltuples / greatest(relpages, 1) * (pg_relation_size(oid) / current_setting('block_size')::int))::int AS total
         FROM pg_class WHERE oid = 'users'::regclass`,
    );
    const statistics = await this.database.query<Statistic[]>(
      `SELECT attname AS column, value, share FROM pg_stats,
              unnest(most_common_vals::text::text[], most_common_freqs) AS common(value, share)
        WHERE schemaname = current_schema() AND tablename = 'users' AND attname IN ('is_active', 'oauth_provider')`,
    );
    const of = (column: string, value: string) =>
      Math.round(total * (statistics.find((item) => item.column === column && item.value === value)?.share ?? 0));
    return {
      active_users: of('is_active', 't'),
      total_users: total,
      oauth_providers: { google: of('oauth_provider', 'google'), linkedin: of('oauth_provider', 'linkedin') },
    };
  }
}
