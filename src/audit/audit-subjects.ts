import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { AuditRow } from './audit-reader.js';
import { ALONG_THE_INDEX, Position } from './keyset-position.js';

/** An entry as its data subject may see it. */
export type SubjectEntry = AuditRow;

const PAGE_ROWS = 1000;
interface Row {
  /** With microseconds. */
  instant: string;
  entry: SubjectEntry;
}

const OLDEST: Position = { at: '-infinity', id: '0' };

/** The audit entries of one data subject. */
@Injectable()
export class AuditSubjects {
  constructor(private readonly database: DataSource) {}

  /**
   * Entries about the user and by the user, oldest first, in pages. Data of other persons is left out: the id and address
   * of an administrator, and the targets and reasons of what the user did as an administrator.
   * @param until a timestamp in PostgreSQL's text format
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
