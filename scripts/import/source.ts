/** The columns of a row as text, regardless of their type; empty texts of CSV are null. */
export type Values = Record<string, string | null>;

/** Tables of the old service that belong to a user. Connections, sessions, tokens and activities are never read. */
export const CHILD_TABLES = ['user_preferences', 'user_social_accounts', 'user_verifications'] as const;
type Children = Partial<Record<(typeof CHILD_TABLES)[number], Values[]>>;

export type SourceRow =
  /** `number` counts the rows of the source from 1. */
  | { number: number; values: Values; children: Children }
  /** A row that cannot be read, and why. */
  | { number: number; fault: string };

export interface SqlDialect {
  columnsOf(table: string): Promise<string[]>;
  /** Of SQL functions that make JSON. */
  list: string;
  object: string;
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const asText = (alias: string, name: string) => `CAST(${alias}.${quote(name)} AS TEXT)`;

/**
 * One statement for all users in the order of their ids, with the columns that are there; what belongs to a user comes as JSON in
 * a column named like its table.
 * @throws Error where there is no such table
 */
export async function usersSql({ columnsOf, list, object }: SqlDialect): Promise<string> {
  const columns = await columnsOf('users');
  const missing = ['id', 'email'].filter((name) => !columns.includes(name));
  if (missing.length > 0) throw new Error(`the source has no table users with the columns ${missing.join(', ')}`);
  const selected = columns.map((name) => `${asText('u', name)} AS ${quote(name)}`);
  const joins: string[] = [];
  for (const table of CHILD_TABLES) {
    const own = await columnsOf(table);
    if (!own.includes('user_id')) continue;
    const pairs = own.map((name) => `${literal(name)}, ${asText('c', name)}`).join(', ');
    selected.push(`CAST(${table}.children AS TEXT) AS ${quote(table)}`);
    joins.push(
      `LEFT JOIN (SELECT c.user_id, ${list}(${object}(${pairs})) AS children FROM ${table} c GROUP BY c.user_id) ${table}
         ON ${table}.user_id = u.id`,
    );
  }
  return `SELECT ${selected.join(', ')} FROM users u ${joins.join(' ')} ORDER BY u.id`;
}

/** A row of that statement. */
export function toSourceRow(number: number, row: Values): SourceRow {
  const values = { ...row };
  const children: Children = {};
  for (const table of CHILD_TABLES) {
    if (values[table]) children[table] = JSON.parse(values[table]) as Values[];
    delete values[table];
  }
  return { number, values, children };
}
