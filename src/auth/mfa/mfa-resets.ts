import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { PeriodicTask } from '../../common/concurrency/periodic-task.js';
import { tryEach } from '../../common/concurrency/try-each.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { runInTransaction } from '../../database/transaction.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { factorChangedMail, mfaResetMail } from '../../mail/messages.js';
import { listFormerEmails } from '../../users/emails/former-emails.js';
import { IdentitiesService } from '../../users/identities/identities.service.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { Factors } from './factors.js';

const NOTICE_HOURS = 24;
const INTERVAL_MS = 60_000;
const MAX_ROUND_ROWS = 100;

/**
 * Removes all second factors of a user who has lost them, a day after an administrator asked for it. Every address of the user
 * gets a notice at once, and until then a sign-in with a factor or a "this was not me" link cancels it. The user's lock orders the two.
 */
@Injectable()
export class MfaResets implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly task: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly factors: Factors,
    private readonly notices: SecurityNotices,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.task = new PeriodicTask(INTERVAL_MS, logger, 'removing lost factors failed', () => this.applyDue());
  }

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /**
   * @param user locked by the caller
   * @returns when it takes effect; a request before that changes nothing
   * @throws AppError `not_found` without a factor
   */
  async request(tx: EntityManager, user: User): Promise<Date> {
    if (!user.mfaEnabled) throw new AppError('not_found', { message: 'The account has no second factor' });
    if (user.mfaResetAt) return user.mfaResetAt;
    const effectiveAt = new Date(Date.now() + NOTICE_HOURS * 3_600_000);
    await this.users.change(tx, user, { mfaResetAt: effectiveAt });
    const others = [...(await listFormerEmails(tx, user.id)), ...(await this.identities.listOf(user.id, tx))];
    for (const email of new Set([user.email, ...others.flatMap(({ email: other }) => other ?? [])]))
      await this.notices.add(tx, user, null, (notice) => mfaResetMail({ ...user, email }, notice, NOTICE_HOURS));
    return effectiveAt;
  }

  /** @param user locked by the caller */
  async cancel(tx: EntityManager, user: User, context: RequestContext): Promise<void> {
    if (!user.mfaResetAt) return;
    await this.users.change(tx, user, { mfaResetAt: null });
    const entry = { action: 'mfa.reset_cancelled', actorId: user.id, targetId: user.id };
    await this.audit.record(tx, entry, context);
  }

  async applyDue(): Promise<void> {
    const due = await this.database.query<{ id: string }[]>(
      'SELECT id FROM users WHERE mfa_reset_at <= now() ORDER BY mfa_reset_at LIMIT $1',
      [MAX_ROUND_ROWS],
    );
    await tryEach(due, ({ id }) => runInTransaction(this.database, (tx) => this.apply(tx, id)));
  }

  private async apply(tx: EntityManager, userId: string): Promise<void> {
    const user = await this.users.findAndLock(tx, userId);
    // Cancelled, or applied by another instance, since it was read.
    if (!user?.mfaResetAt || user.mfaResetAt.getTime() > Date.now()) return;
    await this.notices.add(tx, user, null, (notice) => factorChangedMail(user, notice, 'factor_removed'));
    await this.factors.removeAll(tx, userId);
    await this.users.change(tx, user, { mfaEnabled: false, passkeyStatus: null, mfaResetAt: null });
    await this.outbox.add(tx, userUpdated(userId, ['mfa_enabled']), null);
    await this.audit.record(tx, { action: 'mfa.reset', actorId: null, targetId: userId }, null);
  }
}
