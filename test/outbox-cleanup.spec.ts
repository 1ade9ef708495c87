import { randomUUID } from 'node:crypto';
import { createLogger } from '../src/common/logging/logger.js';
import { deletePublished, OutboxCleanup } from '../src/events/outbox-cleanup.js';
import type { LeaderLock } from '../src/events/leader-lock.js';
import { TestApp } from './support/app.js';

/** Rows that one statement may fetch: those it looks at, once more those it removes, and the few that its planning asks for. */
const MAX_DELETED_ROWS = 4010;
const RETENTION_DAYS = 7;
const logger = createLogger('silent', null);

let service: TestApp;

/** @param published days ago; null for what waits still */
async function insert(count: number, created: number, published: number | null): Promise<string> {
  const user = randomUUID();
  await service.sql(
    `INSERT INTO outbox_events (user_id, event_type, payload, created_at, published_at)
     SELECT $1, 'user.updated', '{}', now() - make_interval(days => $3), now() - make_interval(days => $4)
       FROM generate_series(1, $2)`,
    [user, count, created, published],
  );
  return user;
}

/** The statements of the leader, on a connection of the service. */
const lockOn = (query: (sql: string, values?: unknown[]) => Promise<unknown>, alive = true) =>
  ({ query, isConnected: alive }) as unknown as LeaderLock;

const count = async (user: string) => {
  const [{ left }] = await service.sql('SELECT count(*)::int AS left FROM outbox_events WHERE user_id = $1', [user]);
  return left as number;
};

const FETCHED = `SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int AS fetched FROM pg_stat_xact_user_tables
  WHERE relname = 'outbox_events'`;

/** One look, in a transaction: until that ends, PostgreSQL's counts of it are not put away. */
async function look(after?: string): Promise<{ next: string | null; fetched: number }> {
  return service.database.transaction(async (tx) => {
    const [before] = await tx.query<[{ fetched: number }]>(FETCHED);
    const next = await deletePublished(lockOn(tx.query.bind(tx)), RETENTION_DAYS, after);
    const [now] = await tx.query<[{ fetched: number }]>(FETCHED);
    return { next, fetched: now.fetched - before.fetched };
  });
}

/** From the oldest event to the first that is too young, as the relay goes. */
async function walk(): Promise<void> {
  for (let after: string | null | undefined; after !== null;) {
    const { next, fetched } = await look(after);
    expect(fetched).toBeLessThanOrEqual(MAX_DELETED_ROWS);
    after = next;
  }
}

beforeAll(async () => {
  service = await TestApp.start();
});
beforeEach(() => service.sql('TRUNCATE outbox_events'));
afterAll(() => service.stopAndDrop());

describe('the clean-up of the outbox', () => {
  it('reaches due events behind any number of others, in bounded steps', async () => {
    const waiting = await insert(5000, 90, null);
    const repeated = await insert(5000, 30, 1);
    const due = await insert(3000, 9, 8);
    const young = await insert(3000, 1, 1);
    await service.sql('ANALYZE outbox_events');
    await walk();
    expect(await Promise.all([waiting, repeated, due, young].map(count))).toEqual([5000, 5000, 0, 3000]);

    await service.sql(`UPDATE outbox_events SET published_at = created_at WHERE user_id = ANY ($1)`, [
      [waiting, repeated],
    ]);
    await walk();
    expect(await Promise.all([waiting, repeated, young].map(count))).toEqual([0, 0, 3000]);
  });

  it('continues where it stopped, at once while more may be due', async () => {
    const waiting = await insert(5000, 90, null);
    const due = await insert(3, 9, 8);
    const turns = new OutboxCleanup(RETENTION_DAYS, logger);
    const query = jest.fn(service.database.query.bind(service.database));
    for (let turn = 0; turn < 10; turn += 1) await turns.runWhenDue(lockOn(query));
    expect([await count(waiting), await count(due)]).toEqual([5000, 0]);
    expect(query.mock.calls.length).toBeLessThan(10);
  });

  it('logs a failure and retries later', async () => {
    const warn = jest.spyOn(logger, 'warn').mockImplementation();
    const turns = new OutboxCleanup(RETENTION_DAYS, logger);
    const query = jest.fn().mockRejectedValue(new Error('canceling statement due to statement timeout'));
    for (let turn = 0; turn < 5; turn += 1) await turns.runWhenDue(lockOn(query));
    expect([query.mock.calls.length, warn.mock.calls.length]).toEqual([1, 1]);
    warn.mockRestore();
  });

  it('throws when the connection of the lock is lost', async () => {
    const query = jest.fn().mockRejectedValue(new Error('Connection terminated'));
    await expect(new OutboxCleanup(RETENTION_DAYS, logger).runWhenDue(lockOn(query, false))).rejects.toThrow(
      'terminated',
    );
  });
});
