import type { EntityManager } from 'typeorm';
import { SqlParams } from '../../database/sql-params.js';
import { all, userConditions, UserFilter } from './user-filter.js';

/** Row counts as estimated by the planner. */
export interface Estimate {
  all: number;
  matching: number;
  /** Rows to read through the most selective index, or the equivalent of reading the whole table. */
  candidates: number;
  /** An index is cheaper than reading the table. */
  narrowed: boolean;
}

/** Rows read in table order or from an index alone, for the cost of one random row. */
export const CHEAP_ROWS = 5;

/** Rows sampled to extrapolate a total. */
const SAMPLE_ROWS = 4000;

interface Explained {
  'QUERY PLAN': [{ Plan: { Plans: { 'Plan Rows': number }[] } }];
}

/** Costs as much as planning. Needs `max_parallel_workers_per_gather` at 0: parallel plans count rows per worker. */
export async function estimateRows(tx: EntityManager, filter: UserFilter): Promise<Estimate> {
  const values = new SqlParams();
  const conditions = userConditions(filter, values);
  const parts = ['TRUE', all(conditions), ...conditions.map(({ sql }) => sql)];
  const counts = parts.map((condition) => `SELECT 1 FROM users u WHERE ${condition}`);
  const [answer] = await tx.query<[Explained]>(`EXPLAIN (FORMAT JSON) ${counts.join(' UNION ALL ')}`, values.list);
  const [table, matching, ...each] = answer['QUERY PLAN'][0].Plan.Plans.map((plan) => plan['Plan Rows']);
  const found = Math.min(...each.filter((_, index) => conditions[index]!.indexed));
  const reading = table! / CHEAP_ROWS;
  return { all: table!, matching: matching!, candidates: Math.min(reading, found), narrowed: found < reading };
}

/** The exact number of matches; null if there are more than `maxRows`, or counting may be expensive. */
export async function countUpTo(
  tx: EntityManager,
  filter: UserFilter,
  { matching }: Estimate,
  maxRows: number,
): Promise<number | null> {
  // The planner estimates columns well, substrings hardly.
  if (matching > maxRows || filter.search !== undefined) return null;
  const values = new SqlParams();
  const condition = all(userConditions(filter, values));
  const [{ count }] = await tx.query<[{ count: number }]>(
    `SELECT count(*)::int FROM (SELECT FROM users u WHERE ${condition} LIMIT ${maxRows + 1}) counted`,
    values.list,
  );
  return count > maxRows ? null : count;
}

/**
 * The planner's estimate, or for a search the share of matches in a sample of blocks: always the same ones, so that the total
 * does not change from page to page.
 */
export async function sampleTotal(tx: EntityManager, filter: UserFilter, estimate: Estimate): Promise<number> {
  if (filter.search === undefined) return estimate.matching;
  const values = new SqlParams();
  const condition = all(userConditions(filter, values));
  const percent = Math.min(100, (100 * SAMPLE_ROWS) / estimate.all);
  const [{ rows, matching }] = await tx.query<[{ rows: number; matching: number }]>(
    `SELECT count(*)::int AS rows, count(*) FILTER (WHERE ${condition})::int AS matching
       FROM users u TABLESAMPLE SYSTEM (${percent}) REPEATABLE (1)`,
    values.list,
  );
  return Math.round((estimate.all * matching) / Math.max(rows, 1));
}
