import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

type Hook = () => Promise<unknown>;

const pending = new WeakMap<QueryRunner, Hook[]>();

/**
 * Runs a transaction, then, after its commit, all hooks of `afterCommit` in parallel. The caller waits for the hooks, so that
 * caches are invalidated before the answer; their failures are logged.
 */
export async function runInTransaction<T>(database: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  const hooks: Hook[] = [];
  const result = await database.transaction((tx) => {
    pending.set(tx.queryRunner!, hooks);
    return work(tx);
  });
  // The connection is back in the pool by now.
  if (hooks.length > 0) await Promise.all(hooks.map(runHook));
  return result;
}

/**
 * Calls `hook` once the transaction has committed. The hook must have its own timeout.
 * @throws Error outside `runInTransaction`, where the hook would be lost
 */
export function afterCommit(tx: EntityManager, hook: Hook): void {
  const hooks = tx.queryRunner && pending.get(tx.queryRunner);
  if (!hooks) throw new Error('afterCommit needs a transaction opened by runInTransaction');
  hooks.push(hook);
}

async function runHook(hook: Hook): Promise<void> {
  try {
    await hook();
  } catch (error) {
    Logger.error(error, 'AfterCommit');
  }
}
