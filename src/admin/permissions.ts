import type { Role } from '../users/user.entity.js';

export type Permission =
  'admin.access' | 'audit.read' | 'users.read' | 'users.revoke_sessions' | 'users.set_role' | 'users.set_status';

/** What each role may do under `/admin`: the one place that says so. */
const PERMISSIONS: Record<Role, readonly Permission[]> = {
  user: [],
  moderator: [],
  admin: ['admin.access', 'audit.read', 'users.read', 'users.revoke_sessions', 'users.set_role', 'users.set_status'],
};

export function permissionsOf(role: Role): readonly Permission[] {
  return PERMISSIONS[role];
}
