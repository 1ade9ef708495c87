import { EntityManager, In } from 'typeorm';
import { SqlParams } from '../../database/sql-params.js';
import { all, isWhole, userConditions, UserFilter } from './user-filter.js';
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
  /** Where the next page begins; null at the end. */
  next: UserPosition | null;
  total: number;
  totalIsEstimate: boolean;
}

/** Rows that may be looked at whatever the answer is: about 40 ms on one core. */
const MAX_COLLECTED_ROWS = 10_000;

interface Found {
  rows: UserPosition[];
  /** null: not counted on the way. */
  total: number | null;
}

/**
 * A page of the user list, fast whatever is asked for, among millions of rows. There are two good ways: walk the index of the
 * order until the page is full (for what is frequent), or collect all matches and sort them (for what is rare). Each is
 * hopeless in the other's place, and the planner's guess at a substring is off by a hundred times now and then. So its guess
 * only says what is tried first, and each way gives up at a limit where the other one is bound to be quick.
 */
export async function findUserPage(tx: EntityManager, request: UserPageRequest): Promise<UserPage> {
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
  const users = await tx.findBy(User, { id: In(rows.map(({ id }) => id)) });
  const byId = new Map(users.map((user) => [user.id, user]));
  return rows.flatMap(({ id }) => byId.get(id) ?? []);
}

async function find(tx: EntityManager, request: UserPageRequest, estimate: Estimate): Promise<Found> {
  const isLong = estimate.all > MAX_COLLECTED_ROWS;
  if (isLong && isWhole(request.filter)) return scanIndex(tx, request, null);
  const wanted = request.offset + request.limit + 1;
  // Rows that each way is expected to look at.
  const walked = (wanted * estimate.all) / Math.max(estimate.matching, 1);
  const cost = walked / (readsIndexAlone(request) ? CHEAP_ROWS : 1);
  // Where no index narrows it, collecting is reading the table: a twentieth of that time is well spent on a walk first.
  const most =
    cost < estimate.candidates ? MAX_COLLECTED_ROWS / 2 + 4 * walked : estimate.narrowed ? 0 : estimate.all / 20;
  if (isLong && most > 0) {
    const found = await scanIndex(tx, request, Math.ceil(most));
    if (found.rows.length > request.limit) return found;
  }
  return (await collectMatches(tx, request)) ?? (await scanIndex(tx, request, null));
}

/** idx_users_created_at includes the columns of the filter. */
function readsIndexAlone({ filter, sort }: UserPageRequest): boolean {
  return sort.field === 'created_at' && filter.search === undefined && filter.industry === undefined;
}

/** Off leaves the planner no way but the index of the order: on its own it would rather sort half of the table. */
async function setPlannerOptions(tx: EntityManager, allowed: boolean): Promise<void> {
  const names = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort'];
  const settings = names.map((name) => `set_config('${name}', '${allowed ? 'on' : 'off'}', true)`);
  await tx.query(`SELECT ${settings.join(', ')}, set_config('max_parallel_workers_per_gather', '0', true)`);
}

/** @param most rows to look at; null: until the page is full or the list ends */
async function scanIndex(tx: EntityManager, request: UserPageRequest, most: number | null): Promise<Found> {
  const { filter, sort } = request;
  const values = new SqlParams();
  const conditions = userConditions(filter, values);
  const columns = new Set(['id', sort.field, ...conditions.flatMap((condition) => condition.columns)]);
  const looked = [...columns].map((name) => `u.${name}`).join(', ');
  const source = ({ where, order }: KeysetSegment, earlier: KeysetSegment[]) => {
    if (most === null) return `users u WHERE ${where} AND ${all(conditions)}`;
    // Behind a stretch that was not looked at to its end, the page would go on past matches that nobody has seen.
    const cut = earlier.map(
      (one) => `SELECT FROM users u WHERE ${one.where} ORDER BY ${one.order} LIMIT 1 OFFSET ${most}`,
    );
    const whole = cut.map((rest) => ` AND NOT EXISTS (${rest})`).join('');
    return `(SELECT ${looked} FROM users u WHERE ${where} ORDER BY ${order} LIMIT ${most}) u WHERE ${all(conditions)}${whole}`;
  };
  return { rows: await tx.query(pageSql(request, values, source), values.list), total: null };
}

/** Every match, sorted and counted; null where there are too many. */
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

/** The rows of the page and one more, that tells whether there is a next page. */
function pageSql(
  { sort, after, offset, limit }: UserPageRequest,
  values: SqlParams,
  source: (stretch: KeysetSegment, earlier: KeysetSegment[]) => string,
): string {
  const last = values.add(offset + limit + 1);
  const parts = keysetSegments(sort, after, values).map(
    (stretch, part, every) =>
      `(SELECT ${part} AS part, u.id, u.${sort.field} FROM ${source(stretch, every.slice(0, part))}
         ORDER BY ${stretch.order} LIMIT ${last})`,
  );
  // The stretches are not sorted again as one list: that would read all of each. Append runs one after the other (only its
  // parallel kind, which is off here, would not) and the limit stops it.
  const list = `SELECT * FROM (${parts.join(' UNION ALL ')}) u LIMIT ${limit + 1} OFFSET ${offset}`;
  return `SELECT u.id, ${sortKey(sort)} AS key FROM (${list}) u ORDER BY u.part, ${listOrder(sort)}`;
}
