import type { EntityManager, QueryRunner } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import { cacheReads } from '../common/logging/metrics.js';
import { DecodedEntries } from '../redis/decoded-entries.js';
import type { CacheStore } from './cache-store.js';

/** After a slower read the store is asked for nothing more. */
const SLOW_READ_MS = 25;

export const entryKey = (name: string, userId: string) => `user:${name}:${userId}`;

/**
 * One kind of value for each user, read through and written through. Values are JSON text, never objects: the serializer of
 * cache-manager's Redis store revives strings that look like functions.
 */
export class EntityCache<T> {
  private readonly decoded = new DecodedEntries<T>();
  private readonly changes = new WeakMap<QueryRunner, Map<string, () => T | null>>();

  constructor(
    private readonly store: CacheStore | null,
    private readonly name: string,
    private readonly ttlMs: number,
  ) {}

  /**
   * The value from the cache or else from `load`, whose result is cached unless it is null.
   * @param load called with true where its result will be cached; then it must query the database
   */
  async get<N extends T | null>(id: string, load: (willCache: boolean) => Promise<N>): Promise<T | N> {
    const key = entryKey(this.name, id);
    const started = performance.now();
    const cached = await this.store?.get(key);
    const took = performance.now() - started;
    cacheReads.add(this.name, cached === undefined ? 'bypass' : cached === null ? 'miss' : 'hit');
    if (typeof cached === 'string') return this.decoded.get(key, cached) ?? this.decode(key, cached);
    // The lease comes before the query: a change that the query does not see ends the lease.
    const lease = cached === null && took < SLOW_READ_MS ? await this.store!.acquireLease(key) : null;
    const value = await load(lease !== null);
    if (lease && value !== null) await this.store!.setWithLease(key, lease, JSON.stringify(value), this.ttlMs);
    return value;
  }

  /** Frozen, because later requests get the same object. */
  private decode(key: string, text: string): T {
    return this.decoded.set(key, text, JSON.parse(text, (_, value: unknown) => Object.freeze(value)) as T);
  }

  /**
   * Called in the transaction that changes the value. It locks the entry without delaying the transaction; after the commit
   * the entry holds the new value.
   * @param fresh the value as committed, from a row that the transaction has locked; null empties the entry
   */
  writeThrough(tx: EntityManager, id: string, fresh: () => T | null): void {
    const { store, ttlMs } = this;
    if (!store) return;
    const changes = this.changes.get(tx.queryRunner!) ?? new Map<string, () => T | null>();
    this.changes.set(tx.queryRunner!, changes);
    const locked = changes.has(id);
    changes.set(id, fresh);
    if (locked) return;
    const key = entryKey(this.name, id);
    const lock = store.lockForWrite(key);
    afterCommit(tx, async () => {
      const value = changes.get(id)!();
      changes.delete(id);
      await store.commitWrite(key, await lock, value === null ? null : JSON.stringify(value), ttlMs);
    });
  }
}
