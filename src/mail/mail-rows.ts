import type { DataSource } from 'typeorm';

/** NOTIFY has instances look for due mails. */
export const MAIL_CHANNEL = 'mail';

export interface ClaimedRow {
  id: string;
  kind: string;
  user_id: string | null;
  contents: string;
  attempts: number;
  bundled: boolean;
  created_at: Date;
}

/** Claims the row that has been due longest, by a lease. */
export async function claimMail(database: DataSource, leaseSeconds: number): Promise<ClaimedRow | undefined> {
  const [[row]] = await database.query<[ClaimedRow[]]>(
    `UPDATE mail_queue SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $1)
      WHERE id = (SELECT id FROM mail_queue WHERE failed_at IS NULL AND next_attempt_at <= now()
                   ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING id, kind, user_id, contents, attempts, bundled, created_at`,
    [leaseSeconds],
  );
  return row;
}

export async function deleteMail(database: DataSource, { id }: ClaimedRow): Promise<void> {
  await database.query('DELETE FROM mail_queue WHERE id = $1', [id]);
}

/** Keeps the row for an hour, emptied unless it holds a newer mail by now. */
export async function holdBackMail(database: DataSource, { id, user_id, kind }: ClaimedRow): Promise<void> {
  await database.query(
    `UPDATE mail_queue SET contents = CASE WHEN id = $1 THEN '' ELSE contents END, attempts = 0,
            next_attempt_at = now() + interval '1 hour' WHERE user_id = $2 AND kind = $3 AND bundled`,
    [id, user_id, kind],
  );
}

/** @param parked the mail is not tried again */
export async function postponeMail(
  database: DataSource,
  { id }: ClaimedRow,
  lastError: string,
  parked: boolean,
  delaySeconds: number,
): Promise<void> {
  await database.query(
    `UPDATE mail_queue SET last_error = $2, failed_at = CASE WHEN $3 THEN now() END,
            next_attempt_at = now() + make_interval(secs => $4) WHERE id = $1`,
    [id, lastError, parked, delaySeconds],
  );
}

/** What an operator sees of a mail; never addresses or contents. */
export interface ListedMail {
  id: string;
  kind: string;
  user_id: string | null;
  attempts: number;
  last_error: string | null;
  created_at: Date;
  next_attempt_at: Date;
  failed_at: Date | null;
}

const MAX_LISTED_ROWS = 1000;

/** Some mails by id, and all parked ones where `parked` is true. */
export interface MailChoice {
  ids: string[];
  parked: boolean;
}

const CHOSEN = `(id = ANY ($1::uuid[]) OR ($2 AND failed_at IS NOT NULL))`;

/** Parked mails first. */
export function listMails(database: DataSource, onlyParked: boolean): Promise<ListedMail[]> {
  return database.query(
    `SELECT id, kind, user_id, attempts, last_error, created_at, next_attempt_at, failed_at FROM mail_queue
      WHERE contents <> '' AND (failed_at IS NOT NULL OR NOT $1) ORDER BY failed_at, next_attempt_at LIMIT $2`,
    [onlyParked, MAX_LISTED_ROWS],
  );
}

/** Makes mails due now. @returns how many */
export async function retryMails(database: DataSource, { ids, parked }: MailChoice): Promise<number> {
  const [, count] = await database.query<[unknown, number]>(
    `UPDATE mail_queue SET failed_at = NULL, attempts = 0, created_at = now(), next_attempt_at = now()
      WHERE ${CHOSEN} AND contents <> ''`,
    [ids, parked],
  );
  await database.query(`NOTIFY ${MAIL_CHANNEL}`);
  return count;
}

/** Deletes mails without sending them. @returns how many */
export async function dropMails(database: DataSource, { ids, parked }: MailChoice): Promise<number> {
  const [, count] = await database.query<[unknown, number]>(`DELETE FROM mail_queue WHERE ${CHOSEN}`, [ids, parked]);
  return count;
}
