import { AppError } from '../common/errors.js';
import { MAX_WAIT_MS } from '../crypto/password-hasher.js';

const MAX_ATTEMPTS = 2;

/** Thrown in the transaction: the account has another hash by now than the one that was compared, or is deactivated or gone. */
export class ConcurrentModificationError extends Error {}

/**
 * Reads, compares and writes; once more where the account changed in between. A sign-in at the same moment may only have renewed
 * the hash, and then the password is as right as before.
 * @param attempt told by when, on the clock of `performance`, it needs the result of its comparison
 * @throws AppError `busy` where the account changes time and again
 */
export async function retryOnConflict<T>(attempt: (answerBy: number) => Promise<T>): Promise<T> {
  const answerBy = performance.now() + MAX_WAIT_MS;
  for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
    try {
      return await attempt(answerBy);
    } catch (error) {
      if (!(error instanceof ConcurrentModificationError)) throw error;
    }
  }
  throw new AppError('busy', { retryAfter: 1 });
}
