import type { EntityManager } from 'typeorm';
import { AppError } from '../common/errors.js';
import { LAST_ADMIN_LOCK_KEY } from '../database/advisory-locks.js';

/**
 * Serializes, until commit, transactions that remove an administrator (erasure, deactivation, change of role) or must stay one:
 * two at once would each count the other, or lock each other's row. Call it before locking any row, to avoid deadlocks.
 */
export async function lockAdministrators(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [LAST_ADMIN_LOCK_KEY]);
}

/**
 * Call it after `lockAdministrators`.
 * @throws AppError `last_admin` where no other active administrator would remain
 */
export async function requireAnotherAdmin(tx: EntityManager, userId: string): Promise<void> {
  const others = await tx.query<unknown[]>(
    `SELECT 1 FROM users WHERE role = 'admin' AND is_active AND id <> $1 LIMIT 1`,
    [userId],
  );
  if (others.length === 0) throw new AppError('last_admin');
}

/** Counts inactive administrators too. */
export async function hasAdministrator(tx: EntityManager): Promise<boolean> {
  const [row] = await tx.query<{ found: boolean }[]>(
    `SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin') AS found`,
  );
  return row!.found;
}
