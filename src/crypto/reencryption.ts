import type { DataSource } from 'typeorm';
import { DecryptionError, FieldCipher } from './field-cipher.js';

/** Columns of one table that `FieldCipher` encrypts. The names are constants, never input. */
export interface EncryptedColumns {
  table: string;
  /** Primary key. */
  key: string;
  keyType: 'uuid' | 'bigint' | 'text';
  /** Column whose value the ciphertexts are bound to, where it is not the key. */
  boundTo?: string;
  /** Column name → name of the field in the ciphertext. */
  fields: Record<string, string>;
}

export interface ReencryptionProgress {
  rows: number;
  /** Values re-encrypted with the first key. */
  moved: number;
  /** Values that cannot be decrypted; left as they are. */
  unreadable: number;
}

type Row = { key: string; bound: string } & Record<string, string | null>;
type Target = Pick<EncryptedColumns, 'table' | 'key' | 'keyType'> & { column: string; field: string };

const BATCH_ROWS = 500;

/**
 * Re-encrypts every value with the first key, beside a running service. Values under the first key are skipped, so a run that
 * was killed is simply started again.
 */
export async function reencrypt(
  database: DataSource,
  cipher: FieldCipher,
  tables: readonly EncryptedColumns[],
  report: (progress: ReencryptionProgress) => void,
): Promise<ReencryptionProgress> {
  const progress = { rows: 0, moved: 0, unreadable: 0 };
  const current = `${cipher.currentKeyId}.`;
  for (const { table, key, keyType, boundTo = key, fields } of tables) {
    const columns = Object.keys(fields);
    const filled = columns.map((column) => `${column} <> ''`).join(' OR ');
    const select = `SELECT ${key} AS key, ${boundTo} AS bound, ${columns.join(', ')} FROM ${table} WHERE (${filled})`;
    for (let after: string | undefined; ;) {
      const next = after === undefined ? '' : `AND ${key} > $2`;
      const values = [BATCH_ROWS, ...(after === undefined ? [] : [after])];
      const rows = await database.query<Row[]>(`${select} ${next} ORDER BY ${key} LIMIT $1`, values);
      if (rows.length === 0) break;
      for (const column of columns) {
        const old = rows.filter((row) => row[column] && !row[column].startsWith(current));
        await moveAll(database, cipher, { table, key, keyType, column, field: fields[column]! }, old, progress);
      }
      progress.rows += rows.length;
      report(progress);
      after = rows.at(-1)!.key;
    }
  }
  return progress;
}

async function moveAll(
  database: DataSource,
  cipher: FieldCipher,
  { table, key, keyType, column, field }: Target,
  rows: Row[],
  progress: ReencryptionProgress,
): Promise<void> {
  const moves: { key: string; from: string; to: string }[] = [];
  for (const { key: id, bound, [column]: from } of rows) {
    try {
      moves.push({ key: id, from: from!, to: cipher.encrypt(bound, field, cipher.decrypt(bound, field, from!)) });
    } catch (error) {
      if (!(error instanceof DecryptionError)) throw error;
      progress.unreadable += 1;
    }
  }
  if (moves.length === 0) return;
  // Only where the value is unchanged: a concurrent change is under the first key already.
  const [, moved] = await database.query<[unknown, number]>(
    `UPDATE ${table} SET ${column} = move.new_value
       FROM unnest($1::${keyType}[], $2::text[], $3::text[]) AS move(id, old_value, new_value)
      WHERE ${table}.${key} = move.id AND ${table}.${column} = move.old_value`,
    [moves.map((move) => move.key), moves.map(({ from }) => from), moves.map(({ to }) => to)],
  );
  progress.moved += moved;
}
