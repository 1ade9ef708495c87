import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { signInLockedMail } from '../../mail/messages.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import { UsersService } from '../../users/users.service.js';

/** Audits a lock after wrong passwords and notifies the owner by mail. */
@Injectable()
export class LockNotice {
  constructor(
    private readonly users: UsersService,
    private readonly mails: MailQueue,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {
    mails.handle('sign_in_locked', (tx, body, context) => this.send(tx, body, context));
  }

  /** The account is looked up after the answer, so that the time does not reveal whether there is one. */
  notify(email: string, context: RequestContext): void {
    this.mails.requestLater('sign_in_locked', { email, at: Date.now() }, context);
  }

  private async send(tx: EntityManager, { email, at }: { email: string; at: number }, context: RequestContext) {
    const user = await this.users.lockByEmail(tx, email);
    if (!user) return;
    await this.audit.record(tx, { action: 'sign_in.locked', actorId: null, targetId: user.id }, context);
    if (!user.isActive) return;
    const options = { at: new Date(at), bundled: true };
    await this.notices.add(tx, user, context, (notice) => signInLockedMail(user, notice), options);
  }
}
