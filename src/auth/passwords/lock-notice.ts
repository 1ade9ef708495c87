import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { runInTransaction } from '../../database/transaction.js';
import { AuditService } from '../../audit/audit.service.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Mail } from '../../mail/mail.js';
import { Mailer } from '../../mail/mailer.js';
import { signInLockedMail } from '../../mail/messages.js';
import { UsersService } from '../../users/users.service.js';

/** Audits a lock after wrong passwords and notifies the owner by mail. */
@Injectable()
export class LockNotice {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly limits: RateLimits,
    private readonly mailer: Mailer,
    private readonly audit: AuditService,
  ) {}

  /** The account is looked up after the answer, so that the time does not reveal whether there is one. */
  notify(email: string, context: RequestContext): void {
    this.mailer.sendLater('sign_in_locked', () => this.compose(email, context));
  }

  private async compose(email: string, context: RequestContext): Promise<Mail | null> {
    const user = await this.users.findByEmail(email);
    if (!user) return null;
    const entry = { action: 'sign_in.locked', actorId: null, targetId: user.id };
    await runInTransaction(this.database, (tx) => this.audit.record(tx, entry, context));
    const { allowed } = await this.limits.consume('lockNotice', [user.id]);
    return allowed && user.isActive ? signInLockedMail(user, context.ipAddress, new Date()) : null;
  }
}
