import { Injectable } from '@nestjs/common';
import { toAuditEntry } from '../audit/audit.dto.js';
import { AuditReader } from '../audit/audit-reader.js';
import { Settings } from '../config/settings.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { toSession } from '../sessions/sessions.dto.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { ProfileDetailsService } from '../users/details/profile-details.service.js';
import { toIdentityResponse } from '../users/identities/identities.dto.js';
import { IdentitiesService } from '../users/identities/identities.service.js';
import { UsersService } from '../users/users.service.js';
import { AdminUserDetailBody } from './user-detail.dto.js';
import { toAdminUser } from './user-list.dto.js';

const MAX_AUDIT_ENTRIES = 20;

@Injectable()
export class UserDetailService {
  constructor(
    private readonly users: UsersService,
    private readonly profileDetails: ProfileDetailsService,
    private readonly preferences: PreferencesService,
    private readonly identities: IdentitiesService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditReader,
    private readonly settings: Settings,
  ) {}

  /**
   * @param currentSession the session of the request, marked as current in the list
   * @throws AppError `not_found`
   */
  async get(userId: string, currentSession: string): Promise<AdminUserDetailBody> {
    const user = await this.users.get(userId);
    const [details, preferences, identities, sessions, audit] = await Promise.all([
      this.profileDetails.find(userId),
      this.preferences.get(userId),
      this.identities.listOf(userId),
      this.sessions.listLive(userId),
      this.audit.latestAbout(userId, MAX_AUDIT_ENTRIES),
    ]);
    return {
      ...toAdminUser(user, this.settings.publicBaseUrl),
      status_reason: user.statusReason,
      status_changed_at: user.statusChangedAt?.toISOString() ?? null,
      status_changed_by: user.statusChangedBy,
      details,
      preferences,
      identities: identities.map(toIdentityResponse),
      sessions: sessions.map((session) => toSession(session, currentSession)),
      audit: audit.map(toAuditEntry),
    };
  }
}
