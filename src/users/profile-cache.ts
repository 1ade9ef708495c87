import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EntityCache } from '../cache/entity-cache.js';
import { UserCaches } from '../cache/user-caches.js';
import { StoredProfile, toStoredProfile } from './profile.dto.js';
import type { User } from './user.entity.js';

const TTL_SECONDS = 3600;

/** Own profiles. Every transaction that changes a row of `users` calls `writeThrough` or `invalidate`. */
@Injectable()
export class ProfileCache {
  private readonly cache: EntityCache<StoredProfile>;

  constructor(caches: UserCaches) {
    this.cache = caches.create('profile', TTL_SECONDS);
  }

  get(userId: string, load: (willCache: boolean) => Promise<StoredProfile>): Promise<StoredProfile> {
    return this.cache.get(userId, load);
  }

  /** @param user a row that the transaction has locked, as it will be committed */
  writeThrough(tx: EntityManager, user: User): void {
    this.cache.writeThrough(tx, user.id, () => toStoredProfile(user));
  }

  /** For a row that is deleted, or whose new values are unknown here. */
  invalidate(tx: EntityManager, userId: string): void {
    this.cache.writeThrough(tx, userId, () => null);
  }
}
