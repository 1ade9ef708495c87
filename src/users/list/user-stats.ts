import type { EntityManager } from 'typeorm';

/** Rows up to which counting is exact; beyond, a sample of about as many answers, at the same cost for any size. */
const MAX_EXACT_ROWS = 20_000;
const MAX_INDUSTRIES_ENTRIES = 50;
const MAX_MONTHS_ENTRIES = 12;

/** Numbers of users, by month of registration (`YYYY-MM`, UTC), by industry and by whether they are active. */
export interface UserStats {
  months: Map<string, number>;
  industries: Map<string, number>;
  active: number;
  inactive: number;
}

interface Row {
  kind: 'month' | 'industry' | 'active';
  value: string | null;
  users: number;
}

export async function readUserStats(tx: EntityManager): Promise<UserStats> {
  const [{ rows }] = await tx.query<[{ rows: number }]>(
    `SELECT greatest(reltuples, 0)::float8 AS rows FROM pg_class WHERE oid = 'users'::regclass`,
  );
  const share = rows <= MAX_EXACT_ROWS ? 1 : MAX_EXACT_ROWS / rows;
  const sample = share === 1 ? '' : `TABLESAMPLE SYSTEM (${100 * share}) REPEATABLE (1)`;
  const found = await tx.query<Row[]>(
    `SELECT CASE WHEN grouping(month) = 0 THEN 'month' WHEN grouping(industry) = 0 THEN 'industry' ELSE 'active' END AS kind,
            coalesce(month, industry, is_active::text) AS value, round(count(*) / $1::float8)::float8 AS users
       FROM (SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, industry, is_active FROM users ${sample}) u
      GROUP BY GROUPING SETS ((month), (industry), (is_active)) ORDER BY users DESC`,
    [share],
  );
  const of = (wanted: Row['kind']) =>
    found.flatMap(({ kind, value, users }) => (kind === wanted && value !== null ? [[value, users] as const] : []));
  const active = new Map(of('active'));
  return {
    months: new Map(
      of('month')
        .sort(([a], [b]) => b.localeCompare(a))
        .slice(0, MAX_MONTHS_ENTRIES),
    ),
    industries: new Map(of('industry').slice(0, MAX_INDUSTRIES_ENTRIES)),
    active: active.get('true') ?? 0,
    inactive: active.get('false') ?? 0,
  };
}
