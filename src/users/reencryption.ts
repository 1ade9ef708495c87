import type { DataSource } from 'typeorm';
import { DecryptionError, FieldCipher } from '../crypto/field-cipher.js';
import { PERSONAL_FIELDS, PersonalField } from './personal-field-cipher.js';

export interface ReencryptionProgress {
  rows: number;
  /** Values re-encrypted with the first key. */
  moved: number;
  /** Values that cannot be decrypted; left as they are. */
  unreadable: number;
}

type Row = { id: string } & Record<PersonalField, string | null>;

const BATCH_ROWS = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Re-encrypts every value with the first key, beside a running service. Values under the first key are skipped, so a run that
 * was killed is simply started again.
 */
export async function reencrypt(
  database: DataSource,
  cipher: FieldCipher,
  report: (progress: ReencryptionProgress) => void,
): Promise<ReencryptionProgress> {
  const progress = { rows: 0, moved: 0, unreadable: 0 };
  const current = `${cipher.currentKeyId}.`;
  for (let after = FIRST_ID, rows: Row[] = []; ; after = rows.at(-1)!.id) {
    rows = await database.query<Row[]>(
      `SELECT id, phone, date_of_birth FROM users
        WHERE id > $1 AND (phone IS NOT NULL OR date_of_birth IS NOT NULL) ORDER BY id LIMIT $2`,
      [after, BATCH_ROWS],
    );
    if (rows.length === 0) return progress;
    for (const field of PERSONAL_FIELDS) {
      const old = rows.filter((row) => row[field] !== null && !row[field].startsWith(current));
      await moveAll(database, cipher, field, old, progress);
    }
    progress.rows += rows.length;
    report(progress);
  }
}

async function moveAll(
  database: DataSource,
  cipher: FieldCipher,
  field: PersonalField,
  rows: Row[],
  progress: ReencryptionProgress,
): Promise<void> {
  const moves: { id: string; from: string; to: string }[] = [];
  for (const { id, [field]: from } of rows) {
    try {
      moves.push({ id, from: from!, to: cipher.encrypt(id, field, cipher.decrypt(id, field, from!)) });
    } catch (error) {
      if (!(error instanceof DecryptionError)) throw error;
      progress.unreadable += 1;
    }
  }
  if (moves.length === 0) return;
  // Only where the value is unchanged: a concurrent change by the user is under the first key already.
  const [, moved] = await database.query<[unknown, number]>(
    `UPDATE users SET ${field} = move.new_value
       FROM unnest($1::uuid[], $2::text[], $3::text[]) AS move(id, old_value, new_value)
      WHERE users.id = move.id AND users.${field} = move.old_value`,
    [moves.map(({ id }) => id), moves.map(({ from }) => from), moves.map(({ to }) => to)],
  );
  progress.moved += moved;
}
