import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EntityCache } from '../cache/entity-cache.js';
import { UserCaches } from '../cache/user-caches.js';
import { StoredProfile, toStoredProfile } from './profile.dto.js';
import type { User } from './user.entity.js';

/** Own profiles, kept for an hour. Whatever changes a row of `users` says so here, in its transaction. */
@Injectable()
export class ProfileCache {
  private readonly cache: EntityCache<StoredProfile>;

  constructor(caches: UserCaches) {
    this.cache = caches.create('profile', 3600);
  }

  /** JSON text of a `SealedProfile`: most often it is the answer as it stands. */
  text(userId: string, load: (kept: boolean) => Promise<StoredProfile>): Promise<string> {
    return this.cache.getJson(userId, load);
  }

  /** @param user a row that the transaction holds, as it will be committed */
  writeThrough(tx: EntityManager, user: User): void {
    this.cache.writeThrough(tx, user.id, () => toStoredProfile(user));
  }

  /** Where the row as committed is not at hand, or there is none any more. */
  invalidate(tx: EntityManager, userId: string): void {
    this.cache.writeThrough(tx, userId, () => null);
  }
}
