import { type EntityManager, MoreThan, Raw } from 'typeorm';
import { isUniqueViolation } from '../../common/database-errors.js';
import { AppError } from '../../common/errors.js';
import { deleteExpiredRows } from '../../database/expired-rows.js';
import { FormerEmail } from './former-email.entity.js';
import type { User } from '../user.entity.js';

/** For which a security event can be undone by its link, and an address stays reserved after its change. */
export const UNDO_HOURS = 72;

/** Reserves the present address of a user whose row the transaction holds. */
export async function reserveEmail(tx: EntityManager, user: User): Promise<void> {
  const { email, id: userId, emailLegacy, emailVerifiedAt } = user;
  await tx.upsert(
    FormerEmail,
    { email, userId, emailLegacy, emailVerifiedAt, changedAt: () => 'now()' },
    { conflictPaths: ['email'] },
  );
}

/** Ends the reservation for the user. @returns it, null where there was none */
export async function releaseEmail(tx: EntityManager, userId: string, email: string): Promise<FormerEmail | null> {
  const row = await tx.findOneBy(FormerEmail, { email, userId });
  if (row) await tx.delete(FormerEmail, { email });
  return row;
}

/** Ends the reservations of addresses that the user had since then. */
export async function releaseLaterEmails(tx: EntityManager, { userId, changedAt }: FormerEmail): Promise<void> {
  await tx.delete(FormerEmail, { userId, changedAt: MoreThan(changedAt) });
}

/** Those of the addresses that are reserved. @param userId whose own former addresses do not count */
export async function listReserved(tx: EntityManager, emails: string[], userId: string | null): Promise<string[]> {
  const rows = await tx.query<{ email: string }[]>(
    `SELECT email FROM former_emails WHERE email = ANY ($1) AND user_id IS DISTINCT FROM $2
        AND changed_at > now() - interval '${UNDO_HOURS} hours'`,
    [emails, userId],
  );
  return rows.map(({ email }) => email);
}

export async function isReserved(tx: EntityManager, email: string, userId: string | null): Promise<boolean> {
  return (await listReserved(tx, [email], userId)).length > 0;
}

/** Call it after the write, which waits for a transaction that gives the address up and reserves it. @throws AppError `email_taken` */
export async function requireUnreserved(tx: EntityManager, { id, email }: User): Promise<void> {
  if (await isReserved(tx, email, id)) throw emailTaken();
}

/** The unique index decides, not a look-up before it: two sign-ups may race. */
export function refuseTaken(error: unknown): never {
  throw isUniqueViolation(error, 'idx_users_email') ? emailTaken() : error;
}

function emailTaken(): AppError {
  const details = [{ field: 'email', rule: 'taken' as const, message: 'email belongs to an account already' }];
  return new AppError('email_taken', { details });
}

/** Those that the user can still get back. */
export function listFormerEmails(tx: EntityManager, userId: string): Promise<FormerEmail[]> {
  const changedAt = Raw((column) => `${column} > now() - interval '${UNDO_HOURS} hours'`);
  return tx.find(FormerEmail, { where: { userId, changedAt }, order: { changedAt: 'ASC' } });
}

export function deleteFormerEmails(tx: EntityManager, maxRows: number): Promise<number> {
  const before = `now() - interval '${UNDO_HOURS} hours'`;
  return deleteExpiredRows(tx, { table: 'former_emails', key: 'email', column: 'changed_at', before }, maxRows);
}
