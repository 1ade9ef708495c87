import { randomUUID } from 'node:crypto';
import { Cache, createCache, memoryStore } from 'cache-manager';
import type { CacheStore, CacheToken } from './cache-store.js';

const MAX_ENTRIES = 1000;
/** Milliseconds: how long a change made past the service, by a script or by hand, can go unseen. */
const MAX_AGE_MS = 2000;

/**
 * Values in the memory of this process, for the embedded database, which one process serves. Should a second one share it,
 * each tells the other of its changes.
 */
export class MemoryStore implements CacheStore {
  // Purged by size and when read: a timer an entry, the default, would be the larger part of the work.
  private readonly cache: Cache = createCache(memoryStore({ max: MAX_ENTRIES, ttl: MAX_AGE_MS, ttlAutopurge: false }));
  private readonly leases = new Map<string, string>();

  constructor(private readonly onChanged: (keys: string[]) => Promise<void>) {}

  async read(key: string): Promise<string | null> {
    return (await this.cache.get<string>(key)) ?? null;
  }

  async acquireLease(key: string): Promise<CacheToken> {
    if (this.leases.size > MAX_ENTRIES) this.leases.clear();
    const word = randomUUID();
    this.leases.set(key, word);
    return { id: word, generation: null };
  }

  async setWithLease(key: string, lease: CacheToken, value: string, ttl: number): Promise<void> {
    if (this.leases.get(key) !== lease.id) return;
    this.leases.delete(key);
    await this.cache.set(key, value, Math.min(ttl, MAX_AGE_MS));
  }

  async lockForWrite(key: string): Promise<CacheToken> {
    await this.invalidate([key]);
    return { id: '', generation: null };
  }

  /** The value is left to the next reader: of two writers nobody here knows who committed last. */
  async commitWrite(key: string): Promise<void> {
    await this.invalidate([key]);
    await this.onChanged([key]);
  }

  async invalidate(keys: string[]): Promise<boolean> {
    for (const key of keys) this.leases.delete(key);
    await Promise.all(keys.map((key) => this.cache.del(key)));
    return true;
  }

  /** Nothing here is older than the process. */
  invalidateAll(): void {}
}
