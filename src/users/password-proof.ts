import type { User } from './user.entity.js';

/** Anybody can register an address, and its owner may only have followed the link: the password may be another person's. */
export function hasUnprovenPassword({ passwordHash, passwordProvenAt }: User): boolean {
  return passwordHash !== null && passwordProvenAt === null;
}

/** Whether a person other than the owner of the address may have a way into the account. */
export function mayBeSquatted(user: User): boolean {
  return !user.isVerified || hasUnprovenPassword(user);
}
