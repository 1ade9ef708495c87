import type { ErrorType } from '../common/errors.js';
import { hasUnprovenCredential } from '../users/password-proof.js';
import { ROLES } from '../users/user.entity.js';
import type { Role, User } from '../users/user.entity.js';

/**
 * Why the user must not get this role, or null. Every promotion checks it: until the address and the password are proven, a
 * person other than the owner of the mailbox may have access to the account.
 */
export function promotionRefusal(user: User, role: Role): ErrorType | null {
  if (ROLES.indexOf(role) <= ROLES.indexOf(user.role)) return null;
  if (!user.isVerified) return 'email_not_verified';
  return hasUnprovenCredential(user) ? 'password_unproven' : null;
}
