import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { AppError } from '../../common/errors.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { addressTakenMail, emailChangedMail, emailChangeMail, emailChangeRequestedMail } from '../../mail/messages.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import { isReserved } from '../../users/emails/former-emails.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import { changedFields } from '../../users/profile.dto.js';
import type { User } from '../../users/user.entity.js';
import { UserEmails } from '../../users/emails/user-emails.js';
import { UsersService } from '../../users/users.service.js';
import { PasswordConfirmation } from '../passwords/password-confirmation.js';
import { retryOnConflict } from '../retry-on-conflict.js';
import type { ChangeEmailBody } from './links.dto.js';

interface ChangeRequest extends Pick<Principal, 'userId' | 'sessionId'> {
  email: string;
}

/** Who changes an address, and whether the new one is confirmed. */
interface ChangeOptions {
  actorId: string | null;
  verifiedAt: Date | null;
  reason?: string;
}

/** Replaces the address of an account once the owner of the new one has followed a link. */
@Injectable()
export class AddressChangeService {
  constructor(
    private readonly users: UsersService,
    private readonly emails: UserEmails,
    private readonly passwords: PasswordConfirmation,
    private readonly tokens: OneTimeTokens,
    private readonly limits: RateLimits,
    private readonly notices: SecurityNotices,
    private readonly mails: MailQueue,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {
    mails.handle('email_change', (tx, body, context) => this.sendLinks(tx, body, context));
  }

  /**
   * The new address is looked up after the answer, so that neither the answer nor its time reveals whether it is taken.
   * @throws AppError `invalid_credentials`, `rate_limited` by user, or by client and new address, `busy`
   */
  async request(principal: Principal, { email, password }: ChangeEmailBody, context: RequestContext): Promise<void> {
    const { userId, sessionId } = principal;
    const user = await this.users.getOwn(userId);
    if (password !== undefined)
      await retryOnConflict((deadline) => this.passwords.require(user, password, context, deadline));
    await this.limits.require('changeMail', context, [userId]);
    const request: ChangeRequest = { email, userId, sessionId };
    if (await this.limits.allowsMail('changeMail', context, email))
      await this.mails.request('email_change', request, context);
  }

  /**
   * Changes the address at once, with event, audit entry and a notice that undoes it.
   * @param user locked by the transaction
   * @throws AppError `email_taken`
   */
  async changeAddress(
    tx: EntityManager,
    user: User,
    email: string,
    { actorId, verifiedAt, reason }: ChangeOptions,
    context: RequestContext | null,
  ): Promise<void> {
    const before = { ...user };
    await this.emails.change(tx, user, email, verifiedAt);
    // The owner of the new mailbox may be another person, who only followed a link. A second factor is not given up for that.
    if (!user.mfaEnabled && actorId === user.id) await this.users.change(tx, user, { passwordProvenAt: null });
    await this.tokens.revokeAllOf(tx, user.id, 'password_reset', 'email_verification', 'email_change');
    await this.outbox.add(tx, userUpdated(user.id, changedFields(before, user)), context);
    await this.audit.record(tx, { action: 'email.changed', actorId, targetId: user.id, reason }, context);
    const place = actorId === user.id ? context : null;
    await this.notices.add(tx, before, place, (notice) => emailChangedMail(before, notice));
  }

  private async sendLinks(
    tx: EntityManager,
    { email, ...session }: ChangeRequest,
    context: RequestContext,
  ): Promise<void> {
    // The session may have been ended since the request, which an eviction does.
    const user = await this.users.lockOwn(tx, session).catch(ignoreEnded);
    if (!user || email === user.email) return;
    await this.tokens.revokeAllOf(tx, user.id, 'email_change');
    const entry = { action: 'email.change_requested', actorId: user.id, targetId: user.id };
    await this.audit.record(tx, entry, context);
    await this.notices.add(tx, user, context, (notice) => emailChangeRequestedMail(user, notice));
    // From here on nothing is done that the user sees: it would reveal whether the address is taken.
    const owner = await this.users.findByEmail(email, tx);
    if (owner && owner.id !== user.id) return this.notifyOwner(tx, owner, context);
    if (await isReserved(tx, email, user.id)) return;
    const link = await this.tokens.issueLink(tx, user.id, 'email_change', { email });
    await this.mails.add(tx, emailChangeMail({ ...user, email }, link));
  }

  private async notifyOwner(tx: EntityManager, owner: User, context: RequestContext): Promise<void> {
    await this.audit.record(tx, { action: 'email.change_refused', actorId: null, targetId: owner.id }, context);
    if (owner.isActive) await this.mails.add(tx, addressTakenMail(owner));
  }
}

function ignoreEnded(error: unknown): null {
  if (error instanceof AppError) return null;
  throw error;
}
