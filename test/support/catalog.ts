import type { DataSource } from 'typeorm';

/** One line per object: its name and definition in PostgreSQL's catalog. */
export type Catalog = Record<string, string>;

// Without TypeORM's own tables.
const TABLES = `SELECT c.oid, c.relname, c.reloptions FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('migrations', 'typeorm_metadata')`;

const QUERIES = {
  tables: `SELECT relname AS name, coalesce(reloptions::text, '') AS definition FROM (${TABLES}) t`,
  columns: `SELECT relname || '.' || attname AS name,
      concat_ws(' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || pg_get_expr(adbin, adrelid), CASE attidentity WHEN 'a' THEN 'ALWAYS AS IDENTITY' END) AS definition
    FROM (${TABLES}) t JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum`,
  constraints: `SELECT relname || '.' || conname AS name, pg_get_constraintdef(k.oid) AS definition
    FROM (${TABLES}) t JOIN pg_constraint k ON conrelid = t.oid`,
  indexes: `SELECT i.relname AS name,
      pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END AS definition
    FROM (${TABLES}) t JOIN pg_index ON indrelid = t.oid JOIN pg_class i ON i.oid = indexrelid`,
  triggers: `SELECT tgname AS name, pg_get_triggerdef(g.oid) AS definition
    FROM (${TABLES}) t JOIN pg_trigger g ON tgrelid = t.oid AND NOT tgisinternal`,
  functions: `SELECT proname AS name, pg_get_functiondef(p.oid) AS definition FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')`,
  extensions: `SELECT extname AS name, extversion AS definition FROM pg_extension`,
};

export type CatalogSection = keyof typeof QUERIES;

/** All objects that the migrations create. */
export async function readCatalog(dataSource: DataSource): Promise<Record<CatalogSection, Catalog>> {
  const sections: [string, Catalog][] = [];
  for (const [section, query] of Object.entries(QUERIES)) {
    const rows = await dataSource.query<{ name: string; definition: string }[]>(`${query} ORDER BY 1`);
    sections.push([section, Object.fromEntries(rows.map(({ name, definition }) => [name, definition]))]);
  }
  return Object.fromEntries(sections) as Record<CatalogSection, Catalog>;
}
