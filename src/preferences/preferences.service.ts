import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager, In } from 'typeorm';
import { type AuditEntry, AuditService } from '../audit/audit.service.js';
import type { EntityCache } from '../cache/entity-cache.js';
import { UserCaches } from '../cache/user-caches.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import type { ServicePrincipal } from '../common/http/service-scope.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { UsersService } from '../users/users.service.js';
import { PreferencesBody, toPreferencesResponse, UpdatePreferencesBody } from './preferences.dto.js';
import { Preferences } from './preferences.entity.js';

/** Columns of the API names. */
const COLUMNS = {
  age_min: 'ageMin',
  age_max: 'ageMax',
  location_radius: 'locationRadius',
  industries: 'industries',
  job_levels: 'jobLevels',
  interests: 'interests',
  notification_email: 'notificationEmail',
  notification_push: 'notificationPush',
  privacy_profile: 'privacyProfile',
  privacy_location: 'privacyLocation',
} as const satisfies Record<keyof UpdatePreferencesBody, keyof Preferences>;

const TTL_SECONDS = 7200;
const FIELDS = Object.keys(COLUMNS) as (keyof UpdatePreferencesBody)[];
const toEventField = (field: string) => `preferences.${field}`;

@Injectable()
export class PreferencesService {
  private readonly cache: EntityCache<PreferencesBody>;

  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    caches: UserCaches,
  ) {
    this.cache = caches.create('preferences', TTL_SECONDS);
  }

  async createDefaults(tx: EntityManager, userId: string): Promise<void> {
    await tx.insert(Preferences, { userId });
  }

  /**
   * Restores the defaults.
   * @returns names of the changed fields, for the event
   */
  async reset(tx: EntityManager, userId: string): Promise<string[]> {
    const current = await this.row(tx, userId);
    await tx.delete(Preferences, { userId });
    await this.createDefaults(tx, userId);
    const fresh = await this.row(tx, userId);
    this.cache.writeThrough(tx, userId, () => toPreferencesResponse(fresh));
    return FIELDS.filter((field) => !isDeepStrictEqual(fresh[COLUMNS[field]], current[COLUMNS[field]])).map(
      toEventField,
    );
  }

  async get(userId: string): Promise<PreferencesBody> {
    return this.cache.get(userId, async () => toPreferencesResponse(await this.row(this.database.manager, userId)));
  }

  /** By user, without those who were erased since the caller read them. */
  async listOf(userIds: string[]): Promise<Map<string, PreferencesBody>> {
    const rows = await this.database.manager.findBy(Preferences, { userId: In(userIds) });
    const found = new Set(rows.map(({ userId }) => userId));
    for (const id of userIds.filter((each) => !found.has(each))) {
      const made = await this.find(this.database.manager, id);
      if (made) rows.push(made);
    }
    return new Map(rows.map((row) => [row.userId, toPreferencesResponse(row)]));
  }

  /** Reads them in the caller's transaction, without the cache. */
  async read(tx: EntityManager, userId: string): Promise<PreferencesBody> {
    return toPreferencesResponse(await this.row(tx, userId));
  }

  update(principal: Principal, body: UpdatePreferencesBody, context: RequestContext): Promise<PreferencesBody> {
    return runInTransaction(this.database, async (tx) => {
      await this.users.lockOwn(tx, principal);
      return this.change(tx, principal.userId, body, context);
    });
  }

  /** Like `update`, by another service. @throws AppError `not_found`, `validation_failed` */
  updateForService(
    service: ServicePrincipal,
    userId: string,
    body: UpdatePreferencesBody,
    context: RequestContext,
  ): Promise<PreferencesBody> {
    return runInTransaction(this.database, async (tx) => {
      await this.users.lock(tx, userId);
      const actor = { actorId: service.credentialId, reason: `service ${service.name}` };
      return this.change(tx, userId, body, context, actor);
    });
  }

  /**
   * Merges the body into the preferences of a user whose row the transaction has locked; without a difference nothing is written.
   * @throws AppError `validation_failed` where the merged `age_min` is above `age_max`
   */
  async change(
    tx: EntityManager,
    userId: string,
    body: UpdatePreferencesBody,
    context: RequestContext,
    actor: Pick<AuditEntry, 'actorId' | 'reason'> = { actorId: userId },
  ): Promise<PreferencesBody> {
    const current = await this.row(tx, userId);
    const fields = FIELDS.filter(
      (field) => body[field] !== undefined && !isDeepStrictEqual(body[field], current[COLUMNS[field]]),
    ).sort();
    if (fields.length === 0) return toPreferencesResponse(current);
    const values = Object.fromEntries(fields.map((field) => [COLUMNS[field], body[field]]));
    const changes = { ...values, updatedAt: new Date() };
    const changed = Object.assign(current, changes);
    requireAgesInOrder(changed, body);
    const entry = { action: 'preferences.updated', targetId: userId, after: { updated_fields: fields } };
    await tx.update(Preferences, { userId }, changes);
    this.cache.writeThrough(tx, userId, () => toPreferencesResponse(changed));
    await this.outbox.add(tx, userUpdated(userId, fields.map(toEventField)), context);
    await this.audit.record(tx, { ...actor, ...entry }, context);
    return toPreferencesResponse(changed);
  }

  private async row(tx: EntityManager, userId: string): Promise<Preferences> {
    const row = await this.find(tx, userId);
    if (!row) throw new AppError('not_found');
    return row;
  }

  /** The row of the user, if there is one; old data may lack it, then it is created with the defaults. */
  private async find(tx: EntityManager, userId: string): Promise<Preferences | null> {
    const found = await tx.findOneBy(Preferences, { userId });
    if (found) return found;
    await tx.query(
      `INSERT INTO user_preferences (user_id) SELECT id FROM users WHERE id = $1 ON CONFLICT (user_id) DO NOTHING`,
      [userId],
    );
    return tx.findOneBy(Preferences, { userId });
  }
}

/** Checks the merged row, since a body may have only one of the two ages. */
function requireAgesInOrder({ ageMin, ageMax }: Preferences, body: UpdatePreferencesBody): void {
  if (ageMin <= ageMax) return;
  const details = (['age_min', 'age_max'] as const)
    .filter((field) => body[field] !== undefined)
    .map((field) => ({
      field,
      rule: 'out_of_order' as const,
      message: `age_min (${ageMin}) must not be above age_max (${ageMax})`,
    }));
  throw new AppError('validation_failed', { details });
}
