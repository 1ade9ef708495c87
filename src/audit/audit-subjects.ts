import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ALONG_THE_INDEX, Position } from './keyset-position.js';

/** An entry as the person it is about may see it. */
export interface SubjectEntry {
  id: string;
  at: Date;
  actor_id: string | null;
  target_id: string | null;
  action: string;
  reason: string | null;
  ip_address: string | null;
  request_id: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

/** Entries that are read at a time. */
const PAGE_ROWS = 1000;
/** An entry, and its time with the microseconds. */
interface Row {
  instant: string;
  entry: SubjectEntry;
}

const OLDEST: Position = { at: '-infinity', id: '0' };

/** The audit log from the side of one person. */
@Injectable()
export class AuditSubjects {
  constructor(private readonly database: DataSource) {}

  /**
   * What was done to the person and by the person, oldest first, page by page: it may be long. Of everybody else nothing
   * shows: not who the administrator was or where they sat, nor to whom the person, as an administrator, did what and why.
   * @param until a moment, as PostgreSQL writes it
   */
  async *entriesOf(userId: string, until: string): AsyncGenerator<SubjectEntry[], void> {
    for (let after: Position | null = OLDEST; after;) {
      const rows: Row[] = await this.page(userId, after, until);
      const last = rows.at(PAGE_ROWS - 1);
      after = last ? { at: last.instant, id: last.entry.id } : null;
      yield rows.map(({ entry }) => entry);
    }
  }

  private page(userId: string, { at, id }: Position, until: string): Promise<Row[]> {
    const half = (column: string) =>
      `(SELECT * FROM audit_logs WHERE ${column} = $1 AND (at, id) > ($2, $3) AND at <= $4 ORDER BY at, id LIMIT ${PAGE_ROWS})`;
    return this.database.transaction(async (tx) => {
      await tx.query(ALONG_THE_INDEX);
      const found: (SubjectEntry & { instant: string })[] = await tx.query(
        `SELECT id, at, at::text AS instant, action,
                CASE WHEN own THEN actor_id END AS actor_id, CASE WHEN about THEN target_id END AS target_id,
                CASE WHEN own THEN host(ip_address) END AS ip_address, CASE WHEN own THEN request_id END AS request_id,
                CASE WHEN about THEN reason END AS reason,
                CASE WHEN about THEN before END AS before, CASE WHEN about THEN after END AS after
           FROM (SELECT *, actor_id IS NOT DISTINCT FROM $1 AS own, target_id IS NOT DISTINCT FROM $1 AS about
                   FROM (${half('actor_id')} UNION ${half('target_id')}) AS either) AS entry
          ORDER BY entry.at, id LIMIT ${PAGE_ROWS}`,
        [userId, at, id, until],
      );
      return found.map(({ instant, ...entry }) => ({ instant, entry }));
    });
  }
}
