import type { TestApp } from './app.js';

/** Adds so many profile changes of a member to the audit. */
export async function addToAudit(service: TestApp, userId: string, entries: number): Promise<void> {
  await service.sql(
    `INSERT INTO audit_logs (at, actor_id, target_id, action, ip_address, request_id, after)
     SELECT now() - n * interval '1 second', $1, $1, 'profile.updated', '198.51.100.7', 'request-' || n, '{"changed": ["bio"]}'
       FROM generate_series(1, $2::int) AS n`,
    [userId, entries],
  );
}
