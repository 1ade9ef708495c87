import { isNativeError } from 'node:util/types';
import { AppError } from './errors.js';

interface DriverError {
  code?: string;
  constraint?: string;
  message?: string;
}

function driverError(thrown: unknown): DriverError | null {
  if (!isNativeError(thrown)) return null;
  return ((thrown as { driverError?: DriverError }).driverError ?? thrown) as DriverError;
}

/** Socket errors, SQLSTATE class 08, the server's shutdown (57P0x), and 25006, which a read-only server answers to writes. */
const UNAVAILABLE = /^(ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|08|57P0|25006)/;
/** `PostgreSQL (` begins every error of connecting, including a wrong certificate or password. */
const CONNECTION_LOST =
  /^PostgreSQL \(|Connection terminated|connection timeout|not queryable|ECONNREFUSED|already released/i;

/** No connection left, a timed-out statement or lock, a deadlock: worth another attempt later. */
const OVERLOAD = /^(53300|57014|55P03|40P01|40001)$/;
const POOL_EXHAUSTED = /timeout exceeded when trying to connect/;

/**
 * A value that PostgreSQL cannot store: too long, out of range, not a number or date, U+0000, a broken encoding. Statements
 * are fixed and values come from the client, so this is a 400, even though our validation let it through.
 */
const UNUSABLE_VALUE = /^(22001|22003|22007|22008|22021|22P02|22P05)$/;

/** Maps a PostgreSQL failure to the client's error; null means a bug of ours. */
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

/** SQLSTATE of a statement that was cancelled or timed out. */
export const QUERY_CANCELED = '57014';

/** The SQLSTATE of a PostgreSQL error (https://www.postgresql.org/docs/15/errcodes-appendix.html). */
export function sqlState(thrown: unknown): string | undefined {
  return driverError(thrown)?.code;
}

/**
 * Whether this unique index was violated (SQLSTATE 23505). An index that replaces another one in a migration ends in `_next`
 * until the old one is dropped.
 */
export function isUniqueViolation(thrown: unknown, constraint: string): boolean {
  const error = driverError(thrown);
  return error?.code === '23505' && [constraint, `${constraint}_next`].includes(error.constraint ?? '');
}
