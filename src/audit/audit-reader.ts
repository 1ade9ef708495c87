import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { decodeCursor, encodeCursor } from '../common/dto/cursor.js';
import { ACTIVITY_KINDS } from './security-activity.js';
import { SqlParams } from '../database/sql-params.js';

export interface AuditFilter {
  actor?: string;
  target?: string;
  action?: string;
  /** Inclusive. */
  from?: Date;
  /** Exclusive. */
  to?: Date;
}

export interface AuditRow {
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

const COLUMNS =
  'id, at, actor_id, target_id, action, reason, host(ip_address) AS ip_address, request_id, before, after';

const INSTANT = '(extract(epoch FROM at) * 1000000)::bigint::text AS instant';

/** Of a user, read for one page. */
const MAX_ACTIVITY_ROWS = 1000;

const isActivity = ({ action, reason }: AuditRow) =>
  action in ACTIVITY_KINDS && (action !== 'session.revoked' || reason === 'refresh_token_reused');

/** The audit log, newest entry first. */
@Injectable()
export class AuditReader {
  constructor(private readonly database: DataSource) {}

  latestAbout(userId: string, limit: number): Promise<AuditRow[]> {
    return this.database.query(
      `SELECT ${COLUMNS} FROM audit_logs WHERE target_id = $1 ORDER BY at DESC, id DESC LIMIT $2`,
      [userId, limit],
    );
  }

  /**
   * @param after `next` of the previous page
   * @returns `next` is null on the last page
   * @throws AppError `validation_failed` for a malformed cursor
   */
  async page(tx: EntityManager, filter: AuditFilter, after: string | undefined, limit: number) {
    const values = new SqlParams();
    const conditions = [...conditionsOf(filter, values), ...(after ? [afterCursor(after, values)] : [])];
    const rows = await tx.query<(AuditRow & { instant: string })[]>(
      `SELECT ${COLUMNS}, ${INSTANT} FROM audit_logs
        WHERE ${conditions.join(' AND ') || 'TRUE'} ORDER BY at DESC, id DESC LIMIT ${limit + 1}`,
      values.list,
    );
    const last = rows.length > limit ? rows[limit - 1]! : null;
    return { rows: rows.slice(0, limit), next: last && encodeCursor([last.instant, last.id]) };
  }

  /**
   * Security events of a user in the last 90 days, newest first. At most 1,000 entries are read for a page, so it may have fewer
   * than the limit, or none, before the last one.
   * @throws AppError `validation_failed` for a malformed cursor
   */
  async activity(tx: EntityManager, userId: string, after: string | undefined, limit: number) {
    const values = new SqlParams();
    const target = values.add(userId);
    const from = after ? ` AND ${afterCursor(after, values)}` : '';
    const rows = await tx.query<(AuditRow & { instant: string })[]>(
      `SELECT ${COLUMNS}, ${INSTANT} FROM audit_logs WHERE target_id = ${target} AND at > now() - interval '90 days'${from}
        ORDER BY at DESC, id DESC LIMIT ${MAX_ACTIVITY_ROWS}`,
      values.list,
    );
    const shown = rows.filter(isActivity).slice(0, limit);
    const last = shown.length === limit ? shown.at(-1)! : rows[MAX_ACTIVITY_ROWS - 1];
    const isEnd = !last || (last === rows.at(-1) && rows.length < MAX_ACTIVITY_ROWS);
    return { rows: shown, next: isEnd ? null : encodeCursor([last.instant, last.id]) };
  }

  /** @returns the number of entries, at most `max` */
  async count(tx: EntityManager, filter: AuditFilter, max: number): Promise<number> {
    const values = new SqlParams();
    const [{ count }] = await tx.query<[{ count: number }]>(
      `SELECT count(*)::int FROM (SELECT FROM audit_logs
        WHERE ${conditionsOf(filter, values).join(' AND ') || 'TRUE'} LIMIT ${max}) counted`,
      values.list,
    );
    return count;
  }
}

function conditionsOf({ actor, target, action, from, to }: AuditFilter, values: SqlParams): string[] {
  return [
    actor && `actor_id = ${values.add(actor)}`,
    target && `target_id = ${values.add(target)}`,
    action && `action = ${values.add(action)}`,
    from && `at >= ${values.add(from)}`,
    to && `at < ${values.add(to)}`,
  ].filter(Boolean) as string[];
}

function afterCursor(cursor: string, values: SqlParams): string {
  const [instant, id] = decodeCursor(cursor, (parts): parts is [string, string] => {
    return parts.length === 2 && /^\d{1,16}$/.test(parts[0] ?? '') && /^\d{1,18}$/.test(parts[1] ?? '');
  });
  const at = `timestamptz 'epoch' + ${values.add(instant)}::bigint * interval '1 microsecond'`;
  return `(at, id) < (${at}, ${values.add(id)}::bigint)`;
}
