import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditSubjects, SubjectEntry } from '../audit/audit-subjects.js';
import { MfaService } from '../auth/mfa/mfa.service.js';
import { runInTransaction } from '../database/transaction.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import type { Principal } from '../common/http/request-context.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { ProfileDetailsService } from '../users/details/profile-details.service.js';
import { IdentitiesService } from '../users/identities/identities.service.js';
import { listFormerEmails } from '../users/emails/former-emails.js';
import { ProfileService } from '../users/profile.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { ExportBody, toExportedEntry, toFormerEmail, toExportedIdentity, toExportedSession } from './privacy.dto.js';

@Injectable()
export class ExportService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly details: ProfileDetailsService,
    private readonly preferences: PreferencesService,
    private readonly identities: IdentitiesService,
    private readonly mfa: MfaService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditSubjects,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * All data of the user (GDPR articles 15 and 20), from the tables, never from a cache: an `ExportBody` as a stream. The
   * audit comes last and is read while it is sent, since it may be long.
   */
  export(principal: Principal): Promise<Readable> {
    return this.exportLocked((tx) => this.users.lockOwn(tx, principal), principal.sessionId);
  }

  /**
   * @param lock returns the user, whose row it locks
   * @param sessionId the session of the request, if it is the user's own
   */
  async exportLocked(lock: (tx: EntityManager) => Promise<User>, sessionId = ''): Promise<Readable> {
    const [sections, moment, ownerId] = await runInTransaction(this.database, async (tx) => {
      // Every change of a user takes this lock, so all sections are consistent.
      const user = await lock(tx);
      const { id: userId } = user;
      const [{ now }] = await tx.query<[{ now: string }]>('SELECT clock_timestamp()::text AS now');
      const details = await this.details.find(userId, tx);
      const preferences = await this.preferences.read(tx, userId);
      const identities = await this.identities.listOf(userId, tx);
      const { factors } = await this.mfa.describe(userId, tx);
      const sessions = await this.sessions.listAll(tx, userId);
      const read: Omit<ExportBody, 'audit'> = {
        exported_at: new Date().toISOString(),
        profile: { ...this.profiles.toProfileResponse(user), email_legacy: user.emailLegacy ?? undefined },
        former_emails: (await listFormerEmails(tx, userId)).map(toFormerEmail),
        details,
        preferences,
        identities: identities.map(toExportedIdentity),
        factors,
        sessions: sessions.map((session) => toExportedSession(session, sessionId)),
      };
      return [read, now, userId] as const;
    });
    const pages = this.audit.entriesOf(ownerId, moment);
    // Before the response starts: an error still has its status.
    const { value: first = [] } = await pages.next();
    const file = Readable.from(write(sections, first, pages));
    // The status is already sent; the client only sees the connection close.
    file.on('error', (error) => this.logger.error({ err: error, user_id: ownerId }, 'an export broke off'));
    return file;
  }
}

async function* write(sections: object, first: SubjectEntry[], pages: AsyncIterable<SubjectEntry[]>) {
  const entries = (page: SubjectEntry[]) => page.map((entry) => JSON.stringify(toExportedEntry(entry))).join();
  yield `${JSON.stringify(sections).slice(0, -1)},"audit":[${entries(first)}`;
  for await (const page of pages) if (page.length > 0) yield `,${entries(page)}`;
  yield ']}';
}
