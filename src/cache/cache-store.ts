/** A lease or a lock: the right to write one entry, in one generation. Null: the store did not answer. */
export interface CacheToken {
  id: string;
  generation: string | null;
}

/**
 * Cached values that are never older than a change that was answered. Readers hold leases (Nishtala et al., "Scaling
 * Memcache at Facebook", NSDI 2013), writers hold locks. The states of one entry:
 *
 * ```mermaid
 * stateDiagram-v2
 *   empty --> lease: acquireLease
 *   lease --> value: setWithLease, own lease
 *   lease --> empty: invalidate, lost lock's commitWrite, 5 s
 *   value --> empty: invalidate, lost lock's commitWrite, TTL, new generation
 *   value --> lease: acquireLease after a new generation
 *   any --> locked: lockForWrite
 *   locked --> value: commitWrite, own lock
 *   locked --> empty: commitWrite without a value, 15 s
 *   locked --> contested: invalidate, lost lock's commitWrite
 *   contested --> empty: 15 s
 * ```
 *
 * A contested entry matches no lock: which of two overlapping writers committed last is unknown.
 */
export interface CacheStore {
  /** The value, null where there is none, undefined where the store cannot or must not be asked. */
  get(key: string): Promise<string | null | undefined>;

  /** For a reader, before its query. Null where the entry is in use. */
  acquireLease(key: string): Promise<CacheToken | null>;

  setWithLease(key: string, lease: CacheToken, value: string, ttlMs: number): Promise<void>;

  /** For a writer, before its commit. Never rejects. */
  lockForWrite(key: string): Promise<CacheToken>;

  /** For a writer, after its commit. A null empties the entry. Never rejects. */
  commitWrite(key: string, lock: CacheToken, value: string | null, ttlMs: number): Promise<void>;

  /** Never rejects. @returns false where the store did not answer; this process then bypasses the entries and retries */
  invalidate(keys: string[]): Promise<boolean>;

  /** Starts a new generation: voids all values, and the tokens in use. */
  invalidateAll(): void;
}
