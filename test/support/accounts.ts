import type { Member, TestApp } from './app.js';

/** A registered member; `verified` as if the mailed link had been opened. */
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

/** Type of each event of the user, with the address of a new one or the changed fields. */
export async function eventsOf(service: TestApp, userId: string): Promise<[type: string, what: unknown][]> {
  const text = 'SELECT event_type, payload FROM outbox_events WHERE user_id = $1 ORDER BY id';
  const rows = await service.sql(text, [userId]);
  return rows.map(({ event_type: type, payload }) => [type, payload.updated_fields ?? payload.email]);
}
