import type { User } from './user.entity.js';

/** Anyone can register an address and its owner may only have followed the link, so the password may be an attacker's. */
export function hasUnprovenPassword({ passwordHash, passwordProvenAt }: User): boolean {
  return passwordHash !== null && passwordProvenAt === null;
}

/** True where a person other than the owner of the address may be able to sign in. */
export function mayBeSquatted(user: User): boolean {
  return !user.isVerified || hasUnprovenPassword(user);
}
