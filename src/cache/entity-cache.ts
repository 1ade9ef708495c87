import type { EntityManager, QueryRunner } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import { cacheReads } from '../common/logging/metrics.js';
import type { CacheStore } from './cache-store.js';

/** Milliseconds that the store may take for a look-up: past SLOW it is asked for nothing more, past QUICK nobody waits for it. */
const SLOW_READ_MS = 25;
const QUICK_READ_MS = 5;

/** Where the value stands, under its kind and its user. */
export const entryKey = (name: string, userId: string) => `user:${name}:${userId}`;

/**
 * One kind of value per user, read through and written through. Values are kept as JSON text, never as objects: the
 * serializer of the Redis store would revive strings that look like functions.
 */
export class EntityCache<T> {
  private readonly changing = new WeakMap<QueryRunner, Map<string, () => T | null>>();

  constructor(
    private readonly store: CacheStore | null,
    private readonly name: string,
    private readonly ttl: number,
  ) {}

  /** The cached value, else what `load` reads; see `text`. */
  async get<N extends T | null>(id: string, load: (kept: boolean) => Promise<N>): Promise<T | N> {
    return JSON.parse(await this.getJson(id, load)) as T | N;
  }

  /**
   * The cached value as JSON text, else that of what `load` reads from the database, which is then kept; a null is not.
   * @param load told whether its value will be kept; then nothing serves that was read before the call
   */
  async getJson(id: string, load: (kept: boolean) => Promise<T | null>): Promise<string> {
    const key = this.key(id);
    const started = performance.now();
    const cached = await this.store?.read(key);
    const took = performance.now() - started;
    const result = cached === undefined ? 'bypass' : cached === null ? 'miss' : 'hit';
    cacheReads.add(this.name, result);
    if (typeof cached === 'string') return cached;
    // The lease comes before the query: a change that the query does not see yet takes it away.
    const lease = cached === null && took < SLOW_READ_MS ? await this.store!.acquireLease(key) : null;
    const value = await load(lease !== null);
    const text = JSON.stringify(value);
    if (lease && value !== null) {
      const filling = this.store!.setWithLease(key, lease, text, this.ttl);
      if (took < QUICK_READ_MS) await filling;
    }
    return text;
  }

  /**
   * Called in the transaction that changes the value. Nothing waits for the store until the commit; then the entry holds
   * the new value.
   * @param fresh the value as committed, read from a row that the transaction holds; null where it is not at hand
   */
  writeThrough(tx: EntityManager, id: string, fresh: () => T | null): void {
    if (!this.store) return;
    const open = this.changing.get(tx.queryRunner!) ?? new Map<string, () => T | null>();
    this.changing.set(tx.queryRunner!, open);
    const known = open.has(id);
    open.set(id, fresh);
    if (known) return;
    const { store } = this;
    const key = this.key(id);
    const claim = store.lockForWrite(key);
    afterCommit(tx, async () => {
      const value = open.get(id)!();
      open.delete(id);
      await store.commitWrite(key, await claim, value === null ? null : JSON.stringify(value), this.ttl);
    });
  }

  key(id: string): string {
    return entryKey(this.name, id);
  }
}
