import type { Role } from '../users/user.entity.js';

/** `resource:action`, in the words of the admin portal; some open parts of the platform that other services serve. */
export const PERMISSIONS = [
  'admin:access',
  'users:read',
  'users:write',
  'events:read',
  'events:manage',
  'events:approve',
  'moderation:read',
  'moderation:write',
  'security:read',
  'security:manage',
  'security:export',
  'monitoring:read',
  'monitoring:manage',
  'finance:read',
  'platform:config',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What each role may do. */
const GRANTED: Record<Role, readonly Permission[]> = {
  user: [],
  moderator: ['admin:access', 'users:read', 'moderation:read'],
  admin: PERMISSIONS,
};

export function permissionsOf(role: Role): readonly Permission[] {
  return GRANTED[role];
}
