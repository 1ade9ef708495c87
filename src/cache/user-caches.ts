import { Inject, Injectable, OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { CircuitBreaker } from '../redis/circuit-breaker.js';
import { EntrySigner } from '../redis/entry-signer.js';
import { CacheInvalidationBroadcaster } from './cache-invalidation-broadcaster.js';
import type { CacheStore } from './cache-store.js';
import { EntityCache, entryKey } from './entity-cache.js';
import { MemoryStore } from './memory.store.js';
import { RedisStore } from './redis.store.js';

const NAMES = ['profile', 'preferences'] as const;

/** Users whose entries one script invalidates: during a script Redis serves no other client, but between two of them it does. */
const CHUNK_ENTRIES = 100;

/**
 * Cached values of users: in Redis, in memory beside an embedded database, and not at all where a database is shared without
 * Redis, since the processes could not invalidate each other's entries.
 */
@Injectable()
export class UserCaches implements OnModuleInit {
  private readonly caches: EntityCache<unknown>[] = [];
  private readonly store: CacheStore | null;

  constructor(
    breaker: CircuitBreaker,
    signer: EntrySigner,
    settings: Settings,
    private readonly broadcaster: CacheInvalidationBroadcaster,
    @Inject(LOGGER) logger: Logger,
  ) {
    const broadcast = (keys: string[]) => broadcaster.broadcast(keys.map((key) => key.split(':')[2]!));
    if (breaker.redis) this.store = new RedisStore(breaker, signer, logger, broadcast);
    else this.store = settings.database.embedded ? new MemoryStore(broadcast) : null;
    broadcaster.onInvalidation((userIds) => void this.invalidate(userIds));
  }

  async onModuleInit(): Promise<void> {
    if (await this.broadcaster.hasFailedInvalidation()) this.store?.invalidateAll();
  }

  create<T>(name: (typeof NAMES)[number], ttlSeconds: number): EntityCache<T> {
    const cache = new EntityCache<T>(this.store, name, ttlSeconds * 1000);
    this.caches.push(cache as EntityCache<unknown>);
    return cache;
  }

  /** Called in the transaction that deletes the user. */
  removed(tx: EntityManager, userId: string): void {
    for (const cache of this.caches) cache.writeThrough(tx, userId, () => null);
  }

  /**
   * Invalidates all entries of these users. Never rejects.
   * @returns false where Redis did not answer; this process bypasses the entries and retries
   */
  async invalidate(userIds: string[]): Promise<boolean> {
    const chunks: Promise<boolean>[] = [];
    for (let start = 0; this.store && start < userIds.length; start += CHUNK_ENTRIES) {
      const ids = userIds.slice(start, start + CHUNK_ENTRIES);
      const keys = NAMES.flatMap((name) => ids.map((id) => entryKey(name, id)));
      chunks.push(this.store.invalidate(keys));
    }
    return (await Promise.all(chunks)).every(Boolean);
  }
}
