import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

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

/** The audit log from the side of one person. */
@Injectable()
export class AuditSubjects {
  /**
   * What was done to the person and by the person, oldest first. Of everybody else nothing shows: not who the administrator
   * was or where they sat, nor to whom the person, as an administrator, did what and why.
   */
  entriesOf(tx: EntityManager, userId: string): Promise<SubjectEntry[]> {
    return tx.query(
      `SELECT id, at, action,
              CASE WHEN own THEN actor_id END AS actor_id, CASE WHEN about THEN target_id END AS target_id,
              CASE WHEN own THEN host(ip_address) END AS ip_address, CASE WHEN own THEN request_id END AS request_id,
              CASE WHEN about THEN reason END AS reason,
              CASE WHEN about THEN before END AS before, CASE WHEN about THEN after END AS after
         FROM (SELECT *, actor_id IS NOT DISTINCT FROM $1 AS own, target_id IS NOT DISTINCT FROM $1 AS about
                 FROM audit_logs WHERE actor_id = $1 OR target_id = $1) AS entry
        ORDER BY id`,
      [userId],
    );
  }
}
