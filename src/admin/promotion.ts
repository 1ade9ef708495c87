import type { ErrorType } from '../common/errors.js';
import { hasUnprovenPassword } from '../users/password-proof.js';
import { ROLES } from '../users/user.entity.js';
import type { Role, User } from '../users/user.entity.js';

/**
 * What stands in the way of the role; every path to a higher one asks here. Before it is cleared, a person other than the
 * owner of the address may have a way into the account.
 */
export function promotionRefusal(user: User, role: Role): ErrorType | null {
  if (ROLES.indexOf(role) <= ROLES.indexOf(user.role)) return null;
  if (!user.isVerified) return 'email_not_verified';
  return hasUnprovenPassword(user) ? 'password_unproven' : null;
}
