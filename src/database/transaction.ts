import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

type Hook = () => Promise<unknown>;

const pending = new WeakMap<QueryRunner, Hook[]>();

/**
 * One transaction, and after its commit whatever joined it has asked for with `afterCommit`, all at once. The caller waits
 * for that too, so an answer is not sent before the caches know; a failure there no longer undoes anything and is logged.
 */
export async function runInTransaction<T>(database: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  const hooks: Hook[] = [];
  const result = await database.transaction((tx) => {
    pending.set(tx.queryRunner!, hooks);
    return work(tx);
  });
  // The connection is back in the pool by now: nobody waits for it while a cache is written.
  if (hooks.length > 0) await Promise.all(hooks.map(runHook));
  return result;
}

/**
 * Has `hook` called once the transaction is committed; after a rollback it never is. The hook bounds its own time.
 * @throws Error where the transaction was not opened by `runInTransaction`: the hook would be lost in silence
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
