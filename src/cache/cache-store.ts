/** The right to write one entry; void as soon as anybody else has touched the entry. */
export interface CacheToken {
  id: string;
  /** What the entry has to be marked with to count; null where the store was not there to say. */
  generation: string | null;
}

/**
 * Where cached values stand. Nobody simply writes: a reader that missed asks for a lease and a writer makes a claim, and each
 * may fill the entry only while its own token still stands there. So an old value never replaces a new one, however late
 * its command arrives.
 */
export interface CacheStore {
  /** The value, null where there is none, undefined where the store cannot be asked just now. */
  read(key: string): Promise<string | null | undefined>;

  /** For a reader, before it reads the database: null where somebody else is at this entry. */
  acquireLease(key: string): Promise<CacheToken | null>;

  /** @param ttl milliseconds */
  setWithLease(key: string, lease: CacheToken, value: string, ttl: number): Promise<void>;

  /**
   * For a writer, before its change is committed: from now on nobody reads the entry or fills it. Should the process die,
   * the claim runs out and the next reader goes to the database. Never rejects.
   */
  lockForWrite(key: string): Promise<CacheToken>;

  /**
   * For a writer, after the commit. Where the claim did not stand all the while, the entry is emptied instead. Never rejects.
   * @param value null empties the entry in any case
   */
  commitWrite(key: string, claim: CacheToken, value: string | null, ttl: number): Promise<void>;

  /**
   * Empties entries whose rows have changed, whoever changed them. Never rejects.
   * @returns false where that has to be made up for later
   */
  invalidate(keys: string[]): Promise<boolean>;

  /** What was cached before this process began may be out of date: from now on it is not read. */
  invalidateAll(): void;
}
