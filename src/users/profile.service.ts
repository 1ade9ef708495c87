import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { profileSyncs } from '../common/logging/metrics.js';
import { afterCommit, runInTransaction } from '../database/transaction.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { pictureUrl } from './avatars/avatar-storage.js';
import { PERSONAL_FIELDS, PersonalFieldCipher } from './personal-field-cipher.js';
import { ProfileCache } from './profile-cache.js';
import { ProfileBody, StoredProfile, toStoredProfile, UpdateProfileBody } from './profile.dto.js';
import type { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** Columns of the API names that are not encrypted. */
const COLUMNS = {
  name: 'name',
  bio: 'bio',
  location: 'location',
  industry: 'industry',
  job_title: 'jobTitle',
  company: 'company',
  linkedin_url: 'linkedinUrl',
  gender: 'gender',
  locale: 'locale',
} as const satisfies Partial<Record<keyof UpdateProfileBody, keyof User>>;

@Injectable()
export class ProfileService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly cache: ProfileCache,
    private readonly personal: PersonalFieldCipher,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
  ) {}

  async getOwn({ userId, userRow }: Principal): Promise<ProfileBody> {
    const profile = await this.cache.get(userId, async (willCache) => {
      // The row of the session check saves a query, but may be older than the cache's lease, so it is never cached.
      const user = userRow && !willCache ? this.users.fromRow(userRow) : await this.users.getOwn(userId);
      return toStoredProfile(user);
    });
    return this.decryptPersonalFields(profile);
  }

  toProfileResponse(user: User): ProfileBody {
    return this.decryptPersonalFields(toStoredProfile(user));
  }

  async update(principal: Principal, body: UpdateProfileBody, context: RequestContext): Promise<ProfileBody> {
    const user = await runInTransaction(this.database, async (tx) => {
      const current = await this.users.lockOwn(tx, principal);
      await this.change(tx, current, body, context);
      return current;
    });
    return this.toProfileResponse(user);
  }

  /**
   * Merges the body into a row that the transaction has locked; without a difference nothing is written.
   * @param actorId differs for an administrator
   */
  async change(
    tx: EntityManager,
    user: User,
    body: UpdateProfileBody,
    context: RequestContext | null,
    actorId: string | null = user.id,
  ): Promise<void> {
    const { changes, fields } = this.difference(user, body);
    if (fields.length === 0) return;
    const entry = { action: 'profile.updated', actorId, targetId: user.id, after: { updated_fields: fields } };
    // The event and the audit entry are queued and share the round trip of `users.change`.
    await this.outbox.add(tx, userUpdated(user.id, fields), context);
    await this.audit.record(tx, entry, context);
    await this.users.change(tx, user, changes);
    afterCommit(tx, async () => profileSyncs.inc());
  }

  private decryptPersonalFields(profile: StoredProfile): ProfileBody {
    const { id, phone, date_of_birth: born } = profile;
    return {
      ...profile,
      profile_picture_url: pictureUrl(this.settings.publicBaseUrl, profile.profile_picture_url),
      phone: this.personal.decrypt(id, 'phone', phone),
      date_of_birth: this.personal.decrypt(id, 'date_of_birth', born),
    };
  }

  private difference(user: User, body: UpdateProfileBody): { changes: Partial<User>; fields: string[] } {
    const changes: Partial<User> = {};
    const fields: string[] = [];
    for (const [field, column] of Object.entries(COLUMNS) as [keyof typeof COLUMNS, keyof User][]) {
      if (body[field] === undefined || body[field] === user[column]) continue;
      Object.assign(changes, { [column]: body[field] });
      fields.push(field);
    }
    for (const field of PERSONAL_FIELDS) {
      const column = field === 'phone' ? 'phone' : 'dateOfBirth';
      // Two ciphertexts of one value differ, so plain values are compared; null also clears a value that cannot be decrypted.
      const current = body[field] === null ? user[column] : this.personal.decrypt(user.id, field, user[column]);
      if (body[field] === undefined || body[field] === current) continue;
      changes[column] = this.personal.encrypt(user.id, field, body[field]);
      fields.push(field);
    }
    return { changes, fields: fields.sort() };
  }
}
