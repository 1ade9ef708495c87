import { afterCommit, runInTransaction } from '../src/database/transaction.js';
import { LOGGER } from '../src/common/logging/logger.module.js';
import { NotificationListener } from '../src/database/notification-listener.js';
import { TestApp } from './support/app.js';
import { until } from './support/until.js';

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start();
});
afterAll(() => service.stopAndDrop());

describe('afterCommit', () => {
  const insert = `INSERT INTO audit_logs (action) VALUES ('spec.committed')`;
  const committed = async () => (await service.sql(`SELECT 1 FROM audit_logs WHERE action = 'spec.committed'`)).length;

  it('runs after the commit and before the caller continues', async () => {
    const seen: number[] = [];
    const result = await runInTransaction(service.database, async (tx) => {
      afterCommit(tx, async () => void seen.push(await committed()));
      await tx.query(insert);
      await tx.transaction(async (nested) => afterCommit(nested, async () => void seen.push(await committed())));
      return 'result';
    });
    expect([result, seen]).toEqual(['result', [1, 1]]);
  });

  it('does nothing after a rollback', async () => {
    const hook = jest.fn(async () => undefined);
    const failing = runInTransaction(service.database, async (tx) => {
      afterCommit(tx, hook);
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(hook).not.toHaveBeenCalled();
  });

  it('does not fail a committed transaction', async () => {
    const result = runInTransaction(service.database, async (tx) => {
      afterCommit(tx, () => Promise.reject(new Error('the cache is away')));
      return 'committed';
    });
    await expect(result).resolves.toBe('committed');
  });

  it('refuses a transaction that would not run it', async () => {
    const plain = service.database.transaction(async (tx) => afterCommit(tx, async () => undefined));
    await expect(plain).rejects.toThrow('runInTransaction');
  });
});

describe('PostgresListener', () => {
  it('receives notifications, and again after its connection was killed', async () => {
    const listener = new NotificationListener(service.settings, service.app.get(LOGGER));
    const heard: string[] = [];
    const connections: number[] = [];
    listener.on('spec', (payload) => void heard.push(payload));
    listener.onConnect(() => void connections.push(listener.since!));
    await listener.onApplicationBootstrap();
    await service.sql(`SELECT pg_notify('spec', 'first')`);
    await until(() => heard.length === 1);

    await service.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE '% listener' AND datname = current_database()`,
    );
    await until(() => !listener.connected);
    await until(() => listener.connected);
    await service.sql(`SELECT pg_notify('spec', 'second')`);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['first', 'second']);
    expect(connections[1]).toBeGreaterThan(connections[0]!);
    listener.onApplicationShutdown();
  });

  it('returns the time of PostgreSQL, never an earlier one', async () => {
    const listener = service.app.get(NotificationListener);
    const [{ server }] = await service.sql(`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS server`);
    expect(listener.now()).toBeGreaterThanOrEqual(server);
    expect(listener.now() - server).toBeLessThan(1000);
  });
});
