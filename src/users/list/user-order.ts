import type { SqlParams } from '../../database/sql-params.js';

export const USER_SORT_FIELDS = ['created_at', 'name', 'email', 'last_login'] as const;
export type UserSortField = (typeof USER_SORT_FIELDS)[number];

export interface UserSort {
  field: UserSortField;
  descending: boolean;
}

/** The last user of a page; `key` is the sort key, null for a user who never signed in. */
export interface UserPosition {
  key: string | null;
  id: string;
}

/** A part of the list that one index returns in order; a list is the concatenation of its segments. */
export interface KeysetSegment {
  where: string;
  order: string;
}

interface Column {
  expression: string;
  /** The sort value as text without loss: a JavaScript Date cuts off microseconds, and the cursor would repeat rows. */
  key: string;
  /** SQL from that text back to the value. */
  parse: (parameter: string) => string;
  isKey: (text: string) => boolean;
  /** Order of the ids of equal rows in the index, relative to the column; null for a unique column. */
  ids: 'along' | 'against' | null;
  nullable?: true;
}

const instant = (name: string): Omit<Column, 'ids'> => ({
  expression: `u.${name}`,
  key: `(extract(epoch FROM u.${name}) * 1000000)::bigint::text`,
  parse: (parameter) => `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`,
  isKey: (text) => /^-?\d{1,16}$/.test(text),
});

const text = (expression: string): Omit<Column, 'ids'> => ({
  expression,
  key: expression,
  parse: (parameter) => `${parameter}::text`,
  isKey: (key) => key.length <= 510 && !key.includes('\0'),
});

/** Each uses an index, forwards or backwards: idx_users_created_at, _name, _email, and _last_login with _no_login. */
const COLUMNS: Record<UserSortField, Column> = {
  created_at: { ...instant('created_at'), ids: 'against' },
  name: { ...text('u.name'), ids: 'along' },
  email: { ...text('lower(u.email)'), ids: null },
  last_login: { ...instant('last_login'), ids: 'against', nullable: true },
};

/** ORDER BY of the whole list of `users u`. */
export function listOrder({ field, descending }: UserSort): string {
  const { expression, ids } = COLUMNS[field];
  const direction = descending ? 'DESC' : 'ASC';
  return ids ? `${expression} ${direction}, ${idOrder(ids, descending)}` : `${expression} ${direction}`;
}

function idOrder(ids: 'along' | 'against', descending: boolean): string {
  return `u.id ${(ids === 'along') === descending ? 'DESC' : 'ASC'}`;
}

export const sortKey = ({ field }: UserSort): string => COLUMNS[field].key;

export function isSortKey({ field }: UserSort, key: string | null): boolean {
  const { nullable, isKey } = COLUMNS[field];
  return key === null ? nullable === true : isKey(key);
}

/** The segments of the list after `after`, or of the whole list. Users who never signed in sort as the longest ago. */
export function keysetSegments(sort: UserSort, after: UserPosition | null, values: SqlParams): KeysetSegment[] {
  const { expression, parse, ids, nullable } = COLUMNS[sort.field];
  const { descending } = sort;
  const order = listOrder(sort);
  const byId = idOrder(ids ?? 'along', descending);
  const known = { where: nullable ? `${expression} IS NOT NULL` : 'TRUE', order };
  const unknown = { where: `${expression} IS NULL`, order: byId };
  const all = nullable ? (descending ? [known, unknown] : [unknown, known]) : [known];
  if (!after) return all;

  const current = after.key === null ? unknown : known;
  const later = all.slice(all.indexOf(current) + 1);
  const afterId = () => `u.id ${byId.endsWith('DESC') ? '<' : '>'} ${values.add(after.id)}`;
  if (after.key === null) return [{ where: `${unknown.where} AND ${afterId()}`, order: byId }, ...later];
  // A row comparison does not work: the column and the ids may run in opposite directions.
  const key = parse(values.add(after.key));
  const behind = { where: `${expression} ${descending ? '<' : '>'} ${key}`, order };
  const equal = ids ? [{ where: `${expression} = ${key} AND ${afterId()}`, order: byId }] : [];
  return [...equal, behind, ...later];
}
