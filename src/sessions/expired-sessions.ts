import type { EntityManager } from 'typeorm';
import { deleteExpiredRows } from '../database/expired-rows.js';

export const KEPT_DAYS = 30;
const ENDED = { table: 'user_sessions', key: 'id', before: `now() - interval '${KEPT_DAYS} days'` };

/**
 * Keeps ended sessions for 30 days, for inspection.
 * @returns how many rows were deleted
 */
export async function deleteExpiredSessions(tx: EntityManager, maxRows: number): Promise<number> {
  const expired = await deleteExpiredRows(tx, { ...ENDED, column: 'expires_at' }, maxRows);
  return expired + (await deleteExpiredRows(tx, { ...ENDED, column: 'revoked_at' }, maxRows));
}
