import type { Answer, Member, TestApp } from './app.js';
import { mailedToken, mailsTo } from './mailbox.js';

/** Registers a member; `verified` marks the address as verified. */
export async function member(service: TestApp, verified: boolean): Promise<Member> {
  const made = await service.member();
  if (verified)
    await service.sql('UPDATE users SET is_verified = true, email_verified_at = now() WHERE id = $1', [made.id]);
  return made;
}

/** Oldest first. */
export function identitiesOf(service: TestApp, userId: string) {
  return service.sql('SELECT provider, email FROM user_identities WHERE user_id = $1 ORDER BY created_at', [userId]);
}

export function auditOf(service: TestApp, userId: string) {
  return service.sql('SELECT action, after FROM audit_logs WHERE target_id = $1 ORDER BY id', [userId]);
}

/** Events of the user: the type with the address or the changed fields. */
export async function eventsOf(service: TestApp, userId: string): Promise<[type: string, what: unknown][]> {
  const text = 'SELECT event_type, payload FROM outbox_events WHERE NOT security AND user_id = $1 ORDER BY id';
  const rows = await service.sql(text, [userId]);
  return rows.map(({ event_type: type, payload }) => [type, payload.updated_fields ?? payload.email]);
}

/** Registers a member whose password is proven, as after a reset. */
export async function provenMember(service: TestApp): Promise<Member> {
  const made = await member(service, true);
  await service.sql('UPDATE users SET password_proven_at = now() WHERE id = $1', [made.id]);
  return made;
}

/** Resets the password by mail; returns the last answer. */
export async function passwordResetBy(service: TestApp, email: string, password: string): Promise<Answer> {
  const { length } = await mailsTo(email, 'password_reset');
  await service.post('/auth/password/forgot', { email });
  const token = await mailedToken(email, 'password_reset', length + 1);
  return service.post('/auth/password/reset', { token, password });
}
