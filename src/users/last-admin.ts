import type { EntityManager } from 'typeorm';
import { AppError } from '../common/errors.js';
import { LAST_ADMIN_LOCK_KEY } from '../database/advisory-locks.js';

/**
 * Puts whoever takes an administrator away (erasure, deactivation, change of role), or must be one to the end, in line until
 * the transaction is over: two who go at once would each count the other. Called before any row is locked, or the two could wait for one another.
 */
export async function lockAdministrators(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [LAST_ADMIN_LOCK_KEY]);
}

/**
 * Called in line, for an administrator who is about to go.
 * @throws AppError `last_admin` where no other active administrator would remain
 */
export async function requireAnotherAdmin(tx: EntityManager, userId: string): Promise<void> {
  const others = await tx.query<unknown[]>(
    `SELECT 1 FROM users WHERE role = 'admin' AND is_active AND id <> $1 LIMIT 1`,
    [userId],
  );
  if (others.length === 0) throw new AppError('last_admin');
}

/** Whether there is an administrator at all, active or not. */
export async function hasAdministrator(tx: EntityManager): Promise<boolean> {
  const [row] = await tx.query<{ found: boolean }[]>(
    `SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin') AS found`,
  );
  return row!.found;
}
