import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from 'pg';
import { loadSettings } from '../../src/config/load.js';
import { directClient } from '../../src/database/connection-options.js';
import { type SourceRow, toSourceRow, usersSql, type Values } from './source.js';

const FETCH_ROWS = 1000;

/** Reads a copy, so that the original, which may be in use, is neither locked nor changed. */
export async function* readSqlite(file: string): AsyncGenerator<SourceRow> {
  const { default: sqlite } = await import('node-sqlite3-wasm');
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-import-'));
  const copy = path.join(folder, 'old.db');
  // What was committed last may stand in the write-ahead log only.
  for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
  const database = new sqlite.Database(copy, { readOnly: true });
  try {
    // A write-ahead log needs shared memory otherwise, which WebAssembly does not have.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    const columnsOf = async (table: string) =>
      database.all('SELECT name FROM pragma_table_info(?)', [table]).map(({ name }) => String(name));
    const statement = database.prepare(await usersSql({ columnsOf, list: 'json_group_array', object: 'json_object' }));
    try {
      let number = 0;
      for (const row of statement.iterate()) yield toSourceRow((number += 1), row as Values);
    } finally {
      statement.finalize();
    }
  } finally {
    database.close();
    rmSync(folder, { recursive: true });
  }
}

async function connectTo(url: string): Promise<Client> {
  const own = { DATABASE_URL: url, DATABASE_DIRECT_URL: '', DATABASE_OWNER_URL: '', DATABASE_SSL_MODE: '' };
  try {
    const client = directClient(loadSettings(own), { application_name: 'meetinity-import' });
    await client.connect();
    return client;
  } catch (error) {
    // That variable names the target.
    throw new Error((error as Error).message.replaceAll('DATABASE_URL', '--from'), { cause: error });
  }
}

/** Reads in one transaction, so that all rows are of the same moment. */
export async function* readPostgres(url: string): AsyncGenerator<SourceRow> {
  const client = await connectTo(url);
  try {
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TIME ZONE 'UTC'`);
    const columnsOf = async (table: string) => {
      const { rows } = await client.query<{ column_name: string; data_type: string }>(
        'SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1',
        [table],
      );
      if (table === 'users' && rows.some((row) => row.column_name === 'id' && row.data_type === 'uuid'))
        throw new Error('the source is a database of this service, not of the old one');
      return rows.map((row) => row.column_name);
    };
    const sql = await usersSql({ columnsOf, list: 'json_agg', object: 'json_build_object' });
    await client.query(`DECLARE old_users NO SCROLL CURSOR FOR ${sql}`);
    let number = 0;
    for (;;) {
      const { rows } = await client.query<Values>(`FETCH ${FETCH_ROWS} FROM old_users`);
      for (const row of rows) yield toSourceRow((number += 1), row);
      if (rows.length < FETCH_ROWS) return;
    }
  } finally {
    await client.end();
  }
}
