import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../database/transaction.js';
import type { Claimant, Principal, RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { PreparedStatements } from '../database/prepared-statements.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { pictureUrl } from './avatars/avatar-storage.js';
import { PERSONAL_FIELDS, PersonalFieldCipher } from './personal-field-cipher.js';
import { ProfileCache } from './profile-cache.js';
import { ProfileBody, StoredProfile, toStoredProfile, UpdateProfileBody } from './profile.dto.js';
import type { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** The columns behind the API names that are stored in clear. */
const COLUMNS = {
  name: 'name',
  bio: 'bio',
  location: 'location',
  industry: 'industry',
  job_title: 'jobTitle',
  company: 'company',
  linkedin_url: 'linkedinUrl',
  gender: 'gender',
} as const satisfies Partial<Record<keyof UpdateProfileBody, keyof User>>;

/** In the text of a profile that has neither; within a value its quotation marks would stand behind backslashes. */
const NOTHING_SEALED = '"phone":null,"date_of_birth":null';
/** Likewise, of a picture that is stored here. */
const OWN_PICTURE = /(?<="profile_picture_url":")[0-9a-f]{32}\.webp(?=")/;

@Injectable()
export class ProfileService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly cache: ProfileCache,
    private readonly personal: PersonalFieldCipher,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly statements: PreparedStatements,
    private readonly settings: Settings,
  ) {}

  /**
   * The look-up in the cache runs beside the check of the session. A row that the check has read is not read again, unless
   * it is to be cached: a change may have been committed between that reading and the cache's lease.
   * @returns JSON text of a `ProfileBody`
   */
  async getOwn({ userId, live }: Claimant): Promise<string> {
    const reading = this.cache.text(userId, async (kept) => {
      const { account } = await live;
      return toStoredProfile(account && !kept ? this.users.fromRow(account) : await this.users.getOwn(userId));
    });
    reading.catch(() => undefined);
    await live;
    const text = await reading;
    if (!text.includes(NOTHING_SEALED))
      return JSON.stringify(this.decryptPersonalFields(JSON.parse(text) as StoredProfile));
    return text.replace(OWN_PICTURE, (name) => pictureUrl(this.settings.publicBaseUrl, name)!);
  }

  /** The profile as its owner sees it, the encrypted fields opened, the picture with its address. */
  toProfileResponse(user: User): ProfileBody {
    return this.decryptPersonalFields(toStoredProfile(user));
  }

  async update(principal: Principal, body: UpdateProfileBody, context: RequestContext): Promise<ProfileBody> {
    const user = await runInTransaction(this.database, async (tx) => {
      const held = await this.users.lockOwn(tx, principal);
      await this.change(tx, held, body, context);
      return held;
    });
    return this.toProfileResponse(user);
  }

  /**
   * Merges the body into the row of a user whom the transaction holds; a body that changes nothing writes nothing.
   * @param actorId of an administrator who makes the change
   */
  async change(
    tx: EntityManager,
    user: User,
    body: UpdateProfileBody,
    context: RequestContext,
    actorId = user.id,
  ): Promise<void> {
    const { changes, fields } = this.difference(user, body);
    if (fields.length === 0) return;
    const entry = { action: 'profile.updated', actorId, targetId: user.id, after: { updated_fields: fields } };
    await this.statements.runTogether(tx, [
      this.users.changing(tx, user, changes),
      this.outbox.adding(tx, userUpdated(user.id, fields), context),
      this.audit.recording(entry, context),
    ]);
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
      // Ciphertexts of one value differ, so the clear values are compared; one that does not open is not nothing.
      const current = body[field] === null ? user[column] : this.personal.decrypt(user.id, field, user[column]);
      if (body[field] === undefined || body[field] === current) continue;
      changes[column] = this.personal.encrypt(user.id, field, body[field]);
      fields.push(field);
    }
    return { changes, fields: fields.sort() };
  }
}
