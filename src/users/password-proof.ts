import type { User } from './user.entity.js';

/** Anyone can register an address and its owner may only have followed the link, so the password may be an attacker's. */
export function hasUnprovenPassword({ passwordHash, passwordProvenAt }: User): boolean {
  return passwordHash !== null && passwordProvenAt === null;
}

/** Starts new counts of wrong passwords and lifts locks; for a new password, or where right ones were counted. */
export function newPasswordCounts({ passwordGeneration }: User): Partial<User> {
  return { passwordGeneration: passwordGeneration + 1, passwordFailures: 0 };
}

/** An unproven password, or a passkey that a squatter may have made at sign-up. */
export function hasUnprovenCredential(user: User): boolean {
  return hasUnprovenPassword(user) || user.passkeyStatus === 'unproven';
}

/** An account that an administrator created and its owner has not used yet: it has no way to sign in. */
export function isInvited({ isVerified, passwordHash, oauthProvider, mfaEnabled, lastLogin }: User): boolean {
  return !isVerified && passwordHash === null && oauthProvider === null && !mfaEnabled && lastLogin === null;
}

/** True where a person other than the owner of the address may be able to sign in. */
export function mayBeSquatted(user: User): boolean {
  return !user.isVerified || hasUnprovenCredential(user);
}
