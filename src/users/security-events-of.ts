import { credentialChanged, SecurityEvent } from '../events/security-events.js';
import type { User } from './user.entity.js';

/** The security events that a change of an account causes. */
export function securityEventsOf(before: User, changes: Partial<User>): SecurityEvent[] {
  const { passwordHash = before.passwordHash, email = before.email, isActive = before.isActive } = changes;
  const events: SecurityEvent[] = [];
  if (passwordHash !== before.passwordHash) {
    const change = passwordHash === null ? 'revoke' : before.passwordHash === null ? 'create' : 'update';
    events.push(credentialChanged('password', change));
  }
  if (email !== before.email) events.push({ type: 'identifier.changed' });
  if (isActive !== before.isActive) events.push({ type: isActive ? 'account.enabled' : 'account.disabled' });
  return events;
}
