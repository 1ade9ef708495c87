import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ExpiringValue } from '../common/concurrency/expiring-value.js';

export interface UserCounts {
  active_users: number;
  total_users: number;
  oauth_providers: { google: number; linkedin: number };
}

const MAX_AGE_MS = 60_000;
/** Above, the planner's statistics are used: they cost the same at any size. */
const MAX_EXACT_ROWS = 20_000;

@Injectable()
export class UserCountsService {
  private readonly counts = new ExpiringValue(MAX_AGE_MS, () => this.read());

  constructor(private readonly database: DataSource) {}

  /** At most a minute old. */
  get(): Promise<UserCounts> {
    return this.counts.get();
  }

  private async read(): Promise<UserCounts> {
    const [{ rows }] = await this.database.query<[{ rows: number }]>(
      `SELECT count(*)::int AS rows FROM (SELECT FROM users LIMIT ${MAX_EXACT_ROWS + 1}) AS first_rows`,
    );
    return rows <= MAX_EXACT_ROWS ? this.count() : this.estimate();
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
    const [all, active, google, linkedin] = await Promise.all([
      this.planned('true'),
      this.planned('is_active'),
      this.planned(`oauth_provider = 'google'`),
      this.planned(`oauth_provider = 'linkedin'`),
    ]);
    // Before the first ANALYZE the planner often guesses less than was counted.
    const total = Math.max(all, MAX_EXACT_ROWS + 1);
    const share = (rows: number) => Math.round((total * rows) / Math.max(all, 1));
    return {
      active_users: share(active),
      total_users: total,
      oauth_providers: { google: share(google), linkedin: share(linkedin) },
    };
  }

  /** The planner's estimate, which is never below one; one is taken for none. */
  private async planned(condition: string): Promise<number> {
    const [row] = await this.database.query<[{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }]>(
      `EXPLAIN (FORMAT JSON) SELECT FROM users WHERE ${condition}`,
    );
    const rows = row['QUERY PLAN'][0].Plan['Plan Rows'];
    return rows > 1 ? rows : 0;
  }
}
