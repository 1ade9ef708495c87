import { EntityManager, In } from 'typeorm';
import { QUERY_CANCELED, sqlState } from '../../common/database-errors.js';
import { AppError, invalidField } from '../../common/errors.js';
import { SqlParams } from '../../database/sql-params.js';
import { all, isEmptyFilter, userConditions, UserFilter } from './user-filter.js';
import { listOrder, sortKey, KeysetSegment, keysetSegments, UserPosition, UserSort } from './user-order.js';
import { User } from '../user.entity.js';
import { CHEAP_ROWS, countUpTo, Estimate, estimateRows, sampleTotal } from './user-totals.js';

export interface UserPageRequest {
  filter: UserFilter;
  sort: UserSort;
  after: UserPosition | null;
  offset: number;
  limit: number;
}

export interface UserPage {
  users: User[];
  /** Cursor of the next page; null at the end. */
  next: UserPosition | null;
  total: number;
  totalIsEstimate: boolean;
}

/** Matches that are collected and sorted, about 40 ms on one core. */
const MAX_COLLECTED_ROWS = 10_000;
/** Users that one statement loads: TypeORM takes the event loop about 5 ms for them, and a second for an export at once. */
const LOADED_ROWS = 100;

interface Found {
  rows: UserPosition[];
  /** null: not counted. */
  total: number | null;
}

/**
 * Finds a page of the user list among millions of rows. There are two strategies: scan the index of the order until the page is
 * full (for frequent matches), or collect and sort all matches (for rare ones). Each is hopelessly slow in the other's place,
 * and the planner's estimate for a substring can be off by a factor of 100. So the estimate only decides which is tried first,
 * and each gives up at a limit at which the other is bound to be fast.
 * @param searchParam the route's name for `filter.search`
 * @throws AppError `validation_failed` for a query that was cut off, with a hint how to narrow it
 */
export function findUserPage(tx: EntityManager, request: UserPageRequest, searchParam = 'search'): Promise<UserPage> {
  return readPage(tx, request).catch((error: unknown) => {
    throw sqlState(error) === QUERY_CANCELED ? (howToNarrow(request, searchParam) ?? error) : error;
  });
}

/** null where the parameters do not explain the time that the query took. */
function howToNarrow({ filter, offset }: UserPageRequest, searchParam: string): AppError | null {
  if (offset > 0) return invalidField('page', 'too_far', 'page is too far into the list; narrow the filter');
  if (filter.search === undefined) return null;
  return invalidField(searchParam, 'too_broad', `${searchParam} is too short or too common to be looked up; add to it`);
}

async function readPage(tx: EntityManager, request: UserPageRequest): Promise<UserPage> {
  await setPlannerOptions(tx, false);
  const estimate = await estimateRows(tx, request.filter);
  const found = await find(tx, request, estimate);
  const rows = found.rows.slice(0, request.limit);
  const isLast = found.rows.length <= request.limit;
  const total = found.total ?? (await countUpTo(tx, request.filter, estimate, MAX_COLLECTED_ROWS));
  const seen = request.after || found.rows.length === 0 ? found.rows.length : request.offset + found.rows.length;
  return {
    users: await load(tx, rows),
    next: isLast ? null : rows.at(-1)!,
    total: total ?? Math.max(seen, await sampleTotal(tx, request.filter, estimate)),
    totalIsEstimate: total === null,
  };
}

async function load(tx: EntityManager, rows: UserPosition[]): Promise<User[]> {
  const byId = new Map<string, User>();
  for (let start = 0; start < rows.length; start += LOADED_ROWS) {
    const ids = rows.slice(start, start + LOADED_ROWS).map(({ id }) => id);
    for (const user of await tx.findBy(User, { id: In(ids) })) byId.set(user.id, user);
  }
  return rows.flatMap(({ id }) => byId.get(id) ?? []);
}

async function find(tx: EntityManager, request: UserPageRequest, estimate: Estimate): Promise<Found> {
  const isLong = estimate.all > MAX_COLLECTED_ROWS;
  if (isLong && isEmptyFilter(request.filter)) return scanIndex(tx, request, null);
  const wanted = request.offset + request.limit + 1;
  // Rows that a scan is expected to read.
  const scanned = (wanted * estimate.all) / Math.max(estimate.matching, 1);
  const cost = scanned / (isIndexOnly(request) ? CHEAP_ROWS : 1);
  // Without a selective index, collecting reads the whole table: a scan of a twentieth of it is worth trying first.
  const maxRows =
    cost < estimate.candidates ? MAX_COLLECTED_ROWS / 2 + 4 * scanned : estimate.narrowed ? 0 : estimate.all / 20;
  if (isLong && maxRows > 0) {
    const found = await scanIndex(tx, request, Math.ceil(maxRows));
    if (found.rows.length > request.limit) return found;
  }
  return (await collectMatches(tx, request)) ?? (await scanIndex(tx, request, null));
}

/** idx_users_created_at includes the columns of the filter. */
function isIndexOnly({ filter, sort }: UserPageRequest): boolean {
  return sort.field === 'created_at' && filter.search === undefined && filter.industry === undefined;
}

/** When disallowed, the planner has to use the index of the order; it would otherwise sort half of the table. */
async function setPlannerOptions(tx: EntityManager, allowed: boolean): Promise<void> {
  const names = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort'];
  const settings = names.map((name) => `set_config('${name}', '${allowed ? 'on' : 'off'}', true)`);
  await tx.query(`SELECT ${settings.join(', ')}, set_config('max_parallel_workers_per_gather', '0', true)`);
}

/** @param maxRows to read; null: until the page is full or the list ends */
async function scanIndex(tx: EntityManager, request: UserPageRequest, maxRows: number | null): Promise<Found> {
  const { filter, sort } = request;
  const values = new SqlParams();
  const conditions = userConditions(filter, values);
  const columns = new Set(['id', sort.field, ...conditions.flatMap((condition) => condition.columns)]);
  const selected = [...columns].map((name) => `u.${name}`).join(', ');
  const source = ({ where, order }: KeysetSegment, earlier: KeysetSegment[]) => {
    if (maxRows === null) return `users u WHERE ${where} AND ${all(conditions)}`;
    // After a segment that was not read to its end, the page would skip matches.
    const cut = earlier.map(
      (one) => `SELECT FROM users u WHERE ${one.where} ORDER BY ${one.order} LIMIT 1 OFFSET ${maxRows}`,
    );
    const whole = cut.map((rest) => ` AND NOT EXISTS (${rest})`).join('');
    return `(SELECT ${selected} FROM users u WHERE ${where} ORDER BY ${order} LIMIT ${maxRows}) u WHERE ${all(conditions)}${whole}`;
  };
  return { rows: await tx.query(pageSql(request, values, source), values.list), total: null };
}

/** All matches, sorted and counted; null if there are too many. */
async function collectMatches(tx: EntityManager, request: UserPageRequest): Promise<Found | null> {
  const { filter, sort } = request;
  const values = new SqlParams();
  const condition = all(userConditions(filter, values));
  const page = pageSql(request, values, ({ where }) => `hits u WHERE ${where}`);
  await setPlannerOptions(tx, true);
  const rows = await tx.query<(UserPosition & { total: number })[]>(
    `WITH hits AS MATERIALIZED (SELECT u.id, u.${sort.field} FROM users u WHERE ${condition} LIMIT ${MAX_COLLECTED_ROWS + 1})
     SELECT total, page.* FROM (SELECT count(*)::int AS total FROM hits) counted LEFT JOIN (${page}) page ON TRUE`,
    values.list,
  );
  await setPlannerOptions(tx, false);
  const { total } = rows[0]!;
  return total > MAX_COLLECTED_ROWS ? null : { rows: rows.filter(({ id }) => id !== null), total };
}

/** The rows of the page and one more, which shows whether there is a next page. */
function pageSql(
  { sort, after, offset, limit }: UserPageRequest,
  values: SqlParams,
  source: (segment: KeysetSegment, earlier: KeysetSegment[]) => string,
): string {
  const last = values.add(offset + limit + 1);
  const parts = keysetSegments(sort, after, values).map(
    (segment, part, every) =>
      `(SELECT ${part} AS part, u.id, u.${sort.field} FROM ${source(segment, every.slice(0, part))}
         ORDER BY ${segment.order} LIMIT ${last})`,
  );
  // The segments are not sorted again as one list, which would read all of each: Append runs them one after the other (its
  // parallel variant is off) until the limit.
  const list = `SELECT * FROM (${parts.join(' UNION ALL ')}) u LIMIT ${limit + 1} OFFSET ${offset}`;
  return `SELECT u.id, ${sortKey(sort)} AS key FROM (${list}) u ORDER BY u.part, ${listOrder(sort)}`;
}
