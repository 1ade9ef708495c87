import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditSubjects } from '../audit/audit-subject.service.js';
import { runInTransaction } from '../common/after-commit.js';
import type { Principal } from '../common/request-context.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { IdentitiesService } from '../users/identities.service.js';
import { ProfileService } from '../users/profile.service.js';
import { UsersService } from '../users/users.service.js';
import { ExportBody, toExportedEntry, toExportedIdentity, toExportedSession } from './privacy.dto.js';

@Injectable()
export class ExportService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly preferences: PreferencesService,
    private readonly identities: IdentitiesService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditSubjects,
  ) {}

  /** Everything held on the user (GDPR articles 15 and 20), from the tables themselves, never from a cache. */
  async export({ userId, sessionId }: Principal): Promise<ExportBody> {
    return runInTransaction(this.database, async (tx) => {
      // Whatever changes something of a user holds this lock, so all sections are of one moment.
      const user = await this.users.lockOwn(tx, userId);
      const preferences = await this.preferences.read(tx, userId);
      const identities = await this.identities.listOf(userId, tx);
      const sessions = await this.sessions.listAll(tx, userId);
      const entries = await this.audit.entriesOf(tx, userId);
      return {
        exported_at: new Date().toISOString(),
        profile: this.profiles.present(user),
        preferences,
        identities: identities.map(toExportedIdentity),
        sessions: sessions.map((session) => toExportedSession(session, sessionId)),
        audit: entries.map(toExportedEntry),
      };
    });
  }
}
