import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

type Hook = () => Promise<unknown>;

interface Hooks {
  before: Hook[];
  after: Hook[];
}

const hooksOf = new WeakMap<QueryRunner, Hooks>();

/**
 * Runs a transaction, then, after its commit, all hooks of `afterCommit` in parallel. The caller waits for the hooks, so that
 * caches are invalidated before the answer; their failures are logged.
 */
export async function runInTransaction<T>(database: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  const { before, after }: Hooks = { before: [], after: [] };
  const result = await database.transaction(async (tx) => {
    hooksOf.set(tx.queryRunner!, { before, after });
    const value = await work(tx);
    for (const hook of before) await hook();
    return value;
  });
  // The connection is back in the pool by now.
  if (after.length > 0) await Promise.all(after.map(runHook));
  return result;
}

/** Calls `hook` after the work, as the last part of the transaction. */
export function beforeCommit(tx: EntityManager, hook: Hook): void {
  hooks(tx).before.push(hook);
}

/**
 * Calls `hook` once the transaction has committed. The hook must have its own timeout.
 * @throws Error outside `runInTransaction`, where the hook would be lost
 */
export function afterCommit(tx: EntityManager, hook: Hook): void {
  hooks(tx).after.push(hook);
}

function hooks(tx: EntityManager): Hooks {
  const found = tx.queryRunner && hooksOf.get(tx.queryRunner);
  if (!found) throw new Error('afterCommit needs a transaction opened by runInTransaction');
  return found;
}

async function runHook(hook: Hook): Promise<void> {
  try {
    await hook();
  } catch (error) {
    Logger.error(error, 'AfterCommit');
  }
}
