import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditRedactions } from '../audit/audit-redactions.js';
import { AuditService } from '../audit/audit.service.js';
import { ConcurrentModificationError, retryOnConflict } from '../auth/retry-on-conflict.js';
import { PasswordConfirmation } from '../auth/passwords/password-confirmation.js';
import { UserCaches } from '../cache/user-caches.js';
import { runInTransaction } from '../database/transaction.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { OutboxSubjects } from '../events/outbox-subjects.js';
import { userDeleted } from '../events/user-events.js';
import { MailQueue } from '../mail/mail-queue.js';
import { accountDeletedMail } from '../mail/messages.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { AvatarService } from '../users/avatars/avatar.service.js';
import { lockAdministrators, requireAnotherAdmin } from '../users/last-admin.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** How long after the password check the response may wait for the audit; the gateway gives up after ten seconds. */
const MAX_PAUSE_MS = 1000;

/** Deletes an account at its owner's request: rows, sessions, picture, and personal data in other tables. */
@Injectable()
export class ErasureService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly avatars: AvatarService,
    private readonly passwords: PasswordConfirmation,
    private readonly outbox: OutboxService,
    private readonly outboxSubjects: OutboxSubjects,
    private readonly audit: AuditService,
    private readonly auditRedactions: AuditRedactions,
    private readonly caches: UserCaches,
    private readonly mails: MailQueue,
  ) {}

  /**
   * @param password required by the route's guard unless the authentication is recent
   * @throws AppError `invalid_credentials`, `last_admin`, `rate_limited`, `busy`
   */
  async erase(principal: Principal, password: string | undefined, context: RequestContext): Promise<void> {
    await retryOnConflict((deadline) => this.attempt(principal, password, context, deadline));
  }

  private async attempt(
    principal: Principal,
    password: string | undefined,
    context: RequestContext,
    deadline: number,
  ): Promise<void> {
    const { userId } = principal;
    const user = await this.users.getOwn(userId);
    if (password !== undefined) await this.passwords.require(user, password, context, deadline);
    await runInTransaction(this.database, async (tx) => {
      if (user.role === 'admin') await lockAdministrators(tx);
      const held = await this.users.lockOwn(tx, principal);
      // A user promoted since then needs the lock on administrators, which comes first.
      const promoted = held.role === 'admin' && user.role !== 'admin';
      if (promoted || held.passwordHash !== user.passwordHash) throw new ConcurrentModificationError();
      if (held.role === 'admin' && held.isActive) await requireAnotherAdmin(tx, userId);
      await this.remove(tx, held, context, deadline + MAX_PAUSE_MS);
    });
  }

  /**
   * Removes an account that the transaction holds, with all that is the person's.
   * @param deadline on the clock of `performance`: what is left of the audit then is blanked after the answer
   * @param by an administrator who does so, or null for an operator
   */
  async remove(
    tx: EntityManager,
    user: User,
    context: RequestContext | null,
    deadline: number,
    by?: { actorId: string | null; reason?: string },
  ): Promise<void> {
    await this.sessions.revokeAllOf(tx, user.id, 'account_deleted');
    this.caches.removed(tx, user.id);
    await this.avatars.removeAfterCommit(tx, user.profilePictureUrl);
    await this.outboxSubjects.erase(tx, user.id);
    await this.outbox.add(tx, userDeleted(user.id), context);
    const entry = { action: 'user.deleted', actorId: user.id, targetId: user.id, ...by };
    await this.audit.record(tx, entry, by ? context : null);
    await this.users.remove(tx, user);
    await this.auditRedactions.redact(tx, user.id, deadline);
    await this.mails.erase(tx, user.id);
    await this.mails.add(tx, accountDeletedMail(user));
  }
}
