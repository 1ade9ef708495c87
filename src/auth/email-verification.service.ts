import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Limits } from '../cache/limits.js';
import { afterCommit, runInTransaction } from '../common/after-commit.js';
import { mailboxOf } from '../common/email-address.js';
import { authResults } from '../common/metrics.js';
import type { RequestContext } from '../common/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { MailLinks } from '../mail/links.js';
import type { Mail } from '../mail/mail.js';
import { Mailer } from '../mail/mailer.js';
import { verificationMail } from '../mail/messages.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeTokens } from './one-time-tokens.js';

/** Shows that an address belongs to whoever registered it. */
@Injectable()
export class EmailVerificationService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly limits: Limits,
    private readonly mailer: Mailer,
    private readonly links: MailLinks,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /** Mails the first link of a new account, once the account is committed. */
  async start(tx: EntityManager, user: User): Promise<void> {
    const token = await this.tokens.issue(tx, user.id, 'email_verification');
    afterCommit(tx, async () => this.mailer.send(verificationMail(user, this.links.verify(token))));
  }

  /**
   * Mails another link where there is an account that needs one; what depends on that happens after the answer.
   * @throws AppError `rate_limited` by the client and the address, whether or not it has an account
   */
  async resend(email: string, context: RequestContext): Promise<void> {
    if (await this.limits.allowsMail('verificationMail', context, email))
      this.mailer.sendLater('email_verification', () => this.compose(email));
  }

  /** Mails another link to somebody who signed in too early. */
  resendAfterSignIn(email: string): void {
    this.mailer.sendLater('email_verification', async () => {
      const allowed = !this.limits.enabled || (await this.limits.take('verificationMail', [mailboxOf(email)])).allowed;
      return allowed ? this.compose(email) : null;
    });
  }

  /** @throws AppError `invalid_or_expired_token` */
  async requireToken(token: string): Promise<void> {
    await this.tokens.owner(token, 'email_verification');
  }

  /** @throws AppError `invalid_or_expired_token` */
  async verify(token: string, context: RequestContext): Promise<void> {
    const owner = await this.tokens.owner(token, 'email_verification');
    await runInTransaction(this.database, async (tx) => {
      const user = await this.tokens.redeem(tx, owner, token, 'email_verification');
      await this.tokens.revokeAllOf(tx, user.id, 'email_verification');
      // A reset or a provider may have shown it meanwhile; then there is nothing to tell.
      if (user.isVerified) return;
      // With the first confirmation the limits begin anew: right passwords were refused and counted until now.
      const passwordGeneration = user.passwordGeneration + 1;
      await this.users.change(tx, user, { isVerified: true, emailVerifiedAt: new Date(), passwordGeneration });
      await this.outbox.add(tx, userUpdated(user.id, ['is_verified']), context);
      await this.audit.record(tx, { action: 'email.verified', actorId: user.id, targetId: user.id }, context);
    });
    authResults.inc({ action: 'email_verification', result: 'ok' });
  }

  private async compose(email: string): Promise<Mail | null> {
    const user = await this.users.findByEmail(email);
    if (!user?.isActive || user.isVerified) return null;
    const token = await this.tokens.issue(this.database.manager, user.id, 'email_verification');
    return verificationMail(user, this.links.verify(token));
  }
}
