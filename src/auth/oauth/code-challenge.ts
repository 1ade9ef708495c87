import { hash } from 'node:crypto';
import { invalidField } from '../../common/errors.js';

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;

/**
 * The client's own PKCE challenge (RFC 7636), always S256.
 * @returns null if absent
 * @throws AppError `validation_failed`
 */
export function readChallenge(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && CHALLENGE.test(value)) return value;
  const message = 'code_challenge must be the SHA-256 of the verifier, 43 characters of base64url';
  throw invalidField('code_challenge', 'invalid_format', message);
}

/** A verifier without a challenge is refused too: the client started another sign-in (RFC 9700 §2.1.1). */
export function fitsChallenge(challenge: string | null, verifier: string | undefined): boolean {
  return verifier === undefined ? challenge === null : hash('sha256', verifier, 'base64url') === challenge;
}
