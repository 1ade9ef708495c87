import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import type { CacheStore } from './cache-store.js';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { EntityCache, entryKey } from './entity-cache.js';
import { EntrySigner } from '../redis/entry-signer.js';
import { MemoryStore } from './memory.store.js';
import { RedisStore } from './redis.store.js';

const NAMES = ['profile', 'preferences'] as const;

/** Users whose entries are emptied in one go. */
const CHUNK_ENTRIES = 500;

type Listener = (userIds: string[]) => Promise<void>;

/**
 * What is cached of users, by name and id, under `user:<name>:<id>`. In Redis, in memory beside an embedded database, and
 * nowhere at all where a database is shared without Redis: processes that cannot tell each other would serve old values.
 */
@Injectable()
export class UserCaches {
  private readonly caches: EntityCache<unknown>[] = [];
  private readonly store: CacheStore | null;
  private readonly listeners: Listener[] = [];

  constructor(breaker: CircuitBreaker, signer: EntrySigner, settings: Settings, @Inject(LOGGER) logger: Logger) {
    const tell = async (keys: string[]) => {
      const ids = [...new Set(keys.map((key) => key.slice(key.lastIndexOf(':') + 1)))];
      await Promise.all(this.listeners.map((listener) => listener(ids)));
    };
    if (breaker.redis) this.store = new RedisStore(breaker, signer, logger, tell);
    else this.store = settings.database.embedded ? new MemoryStore(tell) : null;
  }

  /** @param seconds how long an entry may serve */
  create<T>(name: (typeof NAMES)[number], seconds: number): EntityCache<T> {
    const cache = new EntityCache<T>(this.store, name, seconds * 1000);
    this.caches.push(cache as EntityCache<unknown>);
    return cache;
  }

  /** Called in the transaction that removes a user with all that is theirs. */
  removed(tx: EntityManager, userId: string): void {
    for (const cache of this.caches) cache.writeThrough(tx, userId, () => null);
  }

  /**
   * Empties all entries of these users, those too that this process itself does not open. Never rejects.
   * @returns false where Redis could not be told; this process makes up for it when it is back
   */
  async invalidate(userIds: string[]): Promise<boolean> {
    let told = true;
    for (let start = 0; start < userIds.length; start += CHUNK_ENTRIES) {
      const ids = userIds.slice(start, start + CHUNK_ENTRIES);
      const keys = NAMES.flatMap((name) => ids.map((id) => entryKey(name, id)));
      if (this.store && !(await this.store.invalidate(keys))) told = false;
    }
    return told;
  }

  /** Nothing counts any more that was cached before. */
  invalidateAll(): void {
    this.store?.invalidateAll();
  }

  /** Told of users whose entries other processes have to empty, because this one cannot; whoever made the change waits for it. */
  onInvalidationFailed(listener: Listener): void {
    this.listeners.push(listener);
  }
}
