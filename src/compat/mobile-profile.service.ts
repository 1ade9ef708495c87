import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { invalidField } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { runInTransaction } from '../database/transaction.js';
import type { PreferencesBody } from '../preferences/preferences.dto.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import type { ProfileDetailsBody } from '../users/details/profile-details.dto.js';
import { ProfileDetailsService } from '../users/details/profile-details.service.js';
import type { ProfileBody } from '../users/profile.dto.js';
import { ProfileService } from '../users/profile.service.js';
import { UsersService } from '../users/users.service.js';
import type { MobilePreferences, MobileProfile, UpdateMobileProfileBody } from './mobile-profile.dto.js';

/** The mobile app's profile: the service's profile, preferences and details in one object with the app's names. */
@Injectable()
export class MobileProfileService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly preferences: PreferencesService,
    private readonly details: ProfileDetailsService,
  ) {}

  async get(principal: Principal): Promise<MobileProfile> {
    const { userId } = principal;
    const [profile, preferences, details] = await Promise.all([
      this.profiles.getOwn(principal),
      this.preferences.get(userId),
      this.details.get(userId),
    ]);
    return toMobileProfile(profile, preferences, details);
  }

  async getPreferences(userId: string): Promise<MobilePreferences> {
    const [preferences, details] = await Promise.all([this.preferences.get(userId), this.details.get(userId)]);
    return toMobilePreferences(preferences, details);
  }

  /** Changes all three parts or none. @throws AppError `validation_failed` for the id of another profile */
  async update(principal: Principal, body: UpdateMobileProfileBody, context: RequestContext): Promise<MobileProfile> {
    const { userId } = principal;
    if (body.id !== undefined && body.id !== userId)
      throw invalidField('id', 'mismatch', 'id is not the id of the own profile');
    const { fullName: name, position: job_title, bio, location, company, headline, availability } = body;
    const { skills, experiences, links, preferences: { discoveryRadiusKm, industries, eventTypes } = {} } = body;
    return runInTransaction(this.database, async (tx) => {
      const user = await this.users.lockOwn(tx, principal);
      await this.profiles.change(tx, user, { name, job_title, bio, location, company }, context);
      const interests = await this.newInterests(tx, userId, body);
      const wanted = { location_radius: discoveryRadiusKm, industries, interests };
      const preferences = await this.preferences.change(tx, userId, wanted, context);
      const given = { headline, availability, skills, experiences, links, event_types: eventTypes };
      const details = await this.details.change(tx, userId, given, context);
      return toMobileProfile(this.profiles.toProfileResponse(user), preferences, details);
    });
  }

  /** The app shows one list under two names: the one that differs from what is stored is the one that its user edited. */
  private async newInterests(tx: EntityManager, userId: string, body: UpdateMobileProfileBody) {
    const [inner, outer] = [body.preferences?.interests, body.interests];
    if (!inner || !outer) return inner ?? outer;
    const { interests } = await this.preferences.read(tx, userId);
    return isDeepStrictEqual(inner, interests) ? outer : inner;
  }
}

function toMobilePreferences(preferences: PreferencesBody, details: ProfileDetailsBody): MobilePreferences {
  const { location_radius: discoveryRadiusKm, industries, interests } = preferences;
  return { discoveryRadiusKm, industries, interests, eventTypes: details.event_types };
}

function toMobileProfile(
  profile: ProfileBody,
  preferences: PreferencesBody,
  details: ProfileDetailsBody,
): MobileProfile {
  return {
    id: profile.id,
    fullName: profile.name,
    headline: details.headline ?? '',
    bio: profile.bio ?? undefined,
    interests: preferences.interests,
    location: profile.location ?? undefined,
    availability: details.availability ?? undefined,
    company: profile.company ?? undefined,
    position: profile.job_title ?? undefined,
    skills: details.skills,
    experiences: details.experiences,
    links: details.links,
    preferences: toMobilePreferences(preferences, details),
    avatarUrl: profile.profile_picture_url ?? undefined,
  };
}
