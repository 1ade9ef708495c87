import { randomUUID } from 'node:crypto';
import { Cache, createCache, memoryStore } from 'cache-manager';
import type { CacheStore, CacheToken } from './cache-store.js';

const MAX_ENTRIES = 1000;
/** How long a change made past the service, by a script or by hand, can go unseen. */
const MAX_AGE_MS = 2000;

/** Values in this process, for the embedded database. A second process that shares it is notified of each change. */
export class MemoryStore implements CacheStore {
  // Purged by size and on read: a timer for each entry, the default, would cost more than the cache saves.
  private readonly cache: Cache = createCache(memoryStore({ max: MAX_ENTRIES, ttl: MAX_AGE_MS, ttlAutopurge: false }));
  private readonly leases = new Map<string, string>();

  constructor(private readonly onChanged: (keys: string[]) => Promise<void>) {}

  async get(key: string): Promise<string | null> {
    return (await this.cache.get<string>(key)) ?? null;
  }

  async acquireLease(key: string): Promise<CacheToken> {
    if (this.leases.size > MAX_ENTRIES) this.leases.clear();
    const id = randomUUID();
    this.leases.set(key, id);
    return { id, generation: null };
  }

  async setWithLease(key: string, lease: CacheToken, value: string): Promise<void> {
    if (this.leases.get(key) !== lease.id) return;
    this.leases.delete(key);
    await this.cache.set(key, value);
  }

  async lockForWrite(): Promise<CacheToken> {
    return { id: '', generation: null };
  }

  /** Caches no value: without locks, which of two writers committed last is unknown. */
  async commitWrite(key: string): Promise<void> {
    await this.invalidate([key]);
    await this.onChanged([key]);
  }

  async invalidate(keys: string[]): Promise<boolean> {
    for (const key of keys) this.leases.delete(key);
    await Promise.all(keys.map((key) => this.cache.del(key)));
    return true;
  }

  // No entry is older than the process.
  invalidateAll(): void {}
}
