import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { passwordChangedMail } from '../../mail/messages.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import { isInvited, mayBeSquatted, newPasswordCounts } from '../../users/password-proof.js';
import { changedFields } from '../../users/profile.dto.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { AccountEviction } from '../account-eviction.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';

/** Sets a new password, ends sessions and reset links, and mails a notice. */
@Injectable()
export class PasswordUpdater {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly tokens: OneTimeTokens,
    private readonly eviction: AccountEviction,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {}

  /**
   * By a mailed link: the password is proven and the address confirmed.
   * @param user locked by the caller
   */
  async reset(tx: EntityManager, user: User, passwordHash: string, context: RequestContext): Promise<void> {
    const changes = { passwordHash, passwordProvenAt: new Date() };
    const invited = isInvited(user);
    const cleared = !user.isVerified && !invited;
    const confirmed = { isVerified: true, emailVerifiedAt: new Date() };
    if (invited) await this.update(tx, user, { ...changes, ...confirmed }, context);
    else if (mayBeSquatted(user)) await this.eviction.evict(tx, user, 'password_changed', changes, context);
    else await this.update(tx, user, changes, context);
    await this.finish(tx, user, 'password.reset', cleared, context);
  }

  /**
   * By the current password. An unproven password stays unproven: a squatter may know it.
   * @param keep the session to keep
   */
  async replace(
    tx: EntityManager,
    user: User,
    passwordHash: string,
    keep: string,
    context: RequestContext,
  ): Promise<void> {
    await this.update(tx, user, { passwordHash }, context, keep);
    await this.finish(tx, user, 'password.changed', false, context);
  }

  private async update(
    tx: EntityManager,
    user: User,
    changes: Partial<User>,
    context: RequestContext,
    keep?: string,
  ): Promise<void> {
    const before = { ...user };
    await this.users.change(tx, user, { ...changes, ...newPasswordCounts(user) });
    await this.sessions.revokeAllOf(tx, user.id, 'password_changed', keep);
    await this.tokens.revokeAllOf(tx, user.id, 'password_reset', 'email_change');
    const fields = changedFields(before, user);
    if (fields.length > 0) await this.outbox.add(tx, userUpdated(user.id, fields), context);
  }

  private async finish(
    tx: EntityManager,
    user: User,
    action: string,
    cleared: boolean,
    context: RequestContext,
  ): Promise<void> {
    await this.audit.record(tx, { action, actorId: user.id, targetId: user.id }, context);
    await this.notices.add(tx, user, context, (notice) => passwordChangedMail(user, notice, cleared));
  }
}
