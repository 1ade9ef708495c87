import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { ProfileDetailsBody, toProfileDetails } from './profile-details.dto.js';
import { ProfileDetails } from './profile-details.entity.js';

const NONE: ProfileDetailsBody = {
  headline: null,
  availability: null,
  skills: [],
  event_types: [],
  experiences: [],
  links: [],
};

@Injectable()
export class ProfileDetailsService {
  constructor(
    private readonly database: DataSource,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /** @returns null where the user has never given any */
  async find(userId: string, tx: EntityManager = this.database.manager): Promise<ProfileDetailsBody | null> {
    const row = await tx.findOneBy(ProfileDetails, { userId });
    return row && toProfileDetails(row);
  }

  /** Like `find`, with empty values where there are none. */
  async get(userId: string, tx?: EntityManager): Promise<ProfileDetailsBody> {
    return (await this.find(userId, tx)) ?? NONE;
  }

  /**
   * Merges the changes into the row of a user whom the transaction holds. Event and audit name the fields as `details.<name>`.
   */
  async change(
    tx: EntityManager,
    userId: string,
    changes: Partial<ProfileDetailsBody>,
    context: RequestContext,
  ): Promise<ProfileDetailsBody> {
    const current = await this.get(userId, tx);
    const names = (Object.keys(NONE) as (keyof ProfileDetailsBody)[])
      .filter((name) => changes[name] !== undefined && !isDeepStrictEqual(changes[name], current[name]))
      .sort();
    if (names.length === 0) return current;
    const given = Object.fromEntries(names.map((name) => [name, changes[name]]));
    const changed: ProfileDetailsBody = { ...current, ...given };
    const { event_types: eventTypes, ...rest } = changed;
    await tx.upsert(ProfileDetails, { userId, eventTypes, ...rest, updatedAt: new Date() }, ['userId']);
    const fields = names.map((name) => `details.${name}`);
    await this.outbox.add(tx, userUpdated(userId, fields), context);
    const entry = { action: 'profile.updated', actorId: userId, targetId: userId, after: { updated_fields: fields } };
    await this.audit.record(tx, entry, context);
    return changed;
  }

  /** Removes what the user wrote. @returns API names of what went, as `details.<name>` */
  async reset(tx: EntityManager, userId: string): Promise<string[]> {
    const current = await this.find(userId, tx);
    if (!current) return [];
    await tx.delete(ProfileDetails, { userId });
    const names = Object.keys(NONE) as (keyof ProfileDetailsBody)[];
    return names.filter((name) => !isDeepStrictEqual(current[name], NONE[name])).map((name) => `details.${name}`);
  }
}
