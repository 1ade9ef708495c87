import type { DataSource, EntityManager } from 'typeorm';
import { deletePublished } from '../../src/events/outbox-cleanup.js';
import { readBatch } from '../../src/events/outbox-processor.js';
import type { LeaderLock } from '../../src/events/leader-lock.js';
import type { ScaleRow } from './row.js';

const JOB_ATTEMPTS = 5;

/** The relay's statements, on another connection than that of its lock. */
const lockOn = (tx: EntityManager) =>
  ({ query: (sql: string, values?: unknown[]) => tx.query(sql, values) }) as unknown as LeaderLock;

/** @param database within a transaction the clean-up's own ones are savepoints */
export async function cleanUp(database: DataSource | EntityManager): Promise<void> {
  const { ExpiredRowsCleanup } = await import('../../src/auth/expired-rows-cleanup.js');
  const { createLogger } = await import('../../src/common/logging/logger.js');
  await new ExpiredRowsCleanup(database as DataSource, createLogger('silent', null)).deleteAll();
}

export const jobRows: ScaleRow[] = [
  {
    id: 'health-counts',
    name: '/health counts, read anew',
    kind: 'job',
    tasks: async ({ database }) => {
      const { UserCountsService } = await import('../../src/health/user-counts.service.js');
      return Array.from({ length: JOB_ATTEMPTS }, () => () => new UserCountsService(database).get());
    },
  },
  {
    id: 'sessions-none',
    name: 'session clean-up, nothing due',
    kind: 'job',
    prepare: 'SELECT 1',
    tasks: ({ runner }) => Array.from({ length: JOB_ATTEMPTS }, () => () => cleanUp(runner.manager)),
  },
  {
    id: 'sessions-due',
    name: 'session clean-up, 1000 due',
    kind: 'job',
    prepare: `WITH drawn AS MATERIALIZED (SELECT gen_random_uuid() AS place FROM generate_series(1, 1000))
      UPDATE user_sessions SET expires_at = now() - interval '31 days'
       WHERE id IN (SELECT (SELECT id FROM user_sessions WHERE id >= place ORDER BY id LIMIT 1) FROM drawn)`,
    tasks: ({ runner }) => [() => cleanUp(runner.manager)],
  },
  {
    id: 'outbox-due',
    name: 'outbox clean-up, 2000 due',
    kind: 'job',
    prepare: `UPDATE outbox_events SET created_at = now() - interval '8 days', published_at = now() - interval '8 days'
      WHERE id IN (SELECT id FROM outbox_events ORDER BY id LIMIT 2000)`,
    tasks: ({ runner }) => [() => deletePublished(lockOn(runner.manager), 7)],
  },
  {
    id: 'relay-batch',
    name: 'relay: the next 1000 events of 5000',
    kind: 'job',
    prepare: `INSERT INTO outbox_events (user_id, event_type, payload)
      SELECT gen_random_uuid(), 'user.updated', '{"updated_fields":["bio"]}' FROM generate_series(1, 5000)`,
    tasks: ({ runner }) => Array.from({ length: JOB_ATTEMPTS }, () => () => readBatch(lockOn(runner.manager), [])),
  },
];
