import { AppError } from './errors.js';

interface DriverError {
  code?: string;
  constraint?: string;
  message?: string;
}

function driverError(thrown: unknown): DriverError | null {
  if (!(thrown instanceof Error)) return null;
  return ((thrown as { driverError?: DriverError }).driverError ?? thrown) as DriverError;
}

/** Socket errors, SQLSTATE class 08, the server's own goodbyes, and 25006, its refusal of writes: only reads, or nothing, can be done. */
const UNAVAILABLE = /^(ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|08|57P0|25006)/;
/** The first is how every error of connecting begins, a certificate or a password that has changed among them. */
const CONNECTION_LOST =
  /^PostgreSQL \(|Connection terminated|connection timeout|not queryable|ECONNREFUSED|already released/i;

/** No connection left, a statement or a lock that took too long, a deadlock: overload, worth another try later. */
const OVERLOAD = /^(53300|57014|55P03|40P01|40001)$/;
const POOL_EXHAUSTED = /timeout exceeded when trying to connect/;

/**
 * A value that PostgreSQL cannot read or store: too long, out of range, no number or moment at all, U+0000, a broken encoding.
 * Statements are fixed and values are the client's, so a check that lets one through is no reason for a 5xx.
 */
const UNUSABLE_VALUE = /^(22001|22003|22007|22008|22021|22P02|22P05)$/;

/** What a failure of PostgreSQL means to a client, or null where it is a bug of ours. */
export function databaseError(thrown: unknown): AppError | null {
  const error = driverError(thrown);
  if (!error) return null;
  const code = error.code ?? '';
  const message = error.message ?? '';
  if (OVERLOAD.test(code) || POOL_EXHAUSTED.test(message)) return new AppError('busy', { retryAfter: 1 });
  if (UNUSABLE_VALUE.test(code)) return new AppError('bad_request');
  if (UNAVAILABLE.test(code) || CONNECTION_LOST.test(message)) return new AppError('database_unavailable');
  return null;
}

/** A statement that took too long. */
export const QUERY_CANCELED = '57014';

/** The code that PostgreSQL gave an error (https://www.postgresql.org/docs/15/errcodes-appendix.html), or none. */
export function sqlState(thrown: unknown): string | undefined {
  return driverError(thrown)?.code;
}

/**
 * True where the error is the violation of this unique index or constraint (SQLSTATE 23505). An index that a migration puts
 * in the place of another one has `_next` at the end of its name until it has taken over.
 */
export function isUniqueViolation(thrown: unknown, constraint: string): boolean {
  const error = driverError(thrown);
  return error?.code === '23505' && [constraint, `${constraint}_next`].includes(error.constraint ?? '');
}
