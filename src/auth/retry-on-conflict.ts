import { AppError } from '../common/errors.js';
import { MAX_WAIT_MS } from '../crypto/password-hasher.js';

const MAX_ATTEMPTS = 2;

/** Thrown in a transaction: since the password was compared, its hash was replaced or the account deactivated or deleted. */
export class ConcurrentModificationError extends Error {}

/**
 * Runs an attempt again if the account changed while its password was compared. A parallel sign-in may only have renewed
 * the hash, which leaves the password right.
 * @param attempt gets the deadline of its comparison, in the time of `performance.now()`
 * @throws AppError `busy` if the account keeps changing
 */
export async function retryOnConflict<T>(attempt: (deadline: number) => Promise<T>): Promise<T> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
    try {
      return await attempt(deadline);
    } catch (error) {
      if (!(error instanceof ConcurrentModificationError)) throw error;
    }
  }
  throw new AppError('busy', { retryAfter: 1 });
}
