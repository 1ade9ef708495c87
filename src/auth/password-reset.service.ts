import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Limits } from '../cache/limits.js';
import { hashOwner } from '../cache/network.js';
import { runInTransaction } from '../common/after-commit.js';
import { authResults } from '../common/metrics.js';
import type { RequestContext } from '../common/request-context.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { MailLinks } from '../mail/links.js';
import type { Mail } from '../mail/mail.js';
import { Mailer } from '../mail/mailer.js';
import { passwordResetMail } from '../mail/messages.js';
import { UsersService } from '../users/users.service.js';
import { NewPassword } from './new-password.js';
import { OneTimeTokens } from './one-time-tokens.js';
import { requireGoodPassword } from './password-rules.js';

/** The way back in for whoever reads the mailbox. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly hasher: PasswordHasher,
    private readonly newPassword: NewPassword,
    private readonly limits: Limits,
    private readonly mailer: Mailer,
    private readonly links: MailLinks,
    private readonly audit: AuditService,
  ) {}

  /**
   * Says nothing of the account, not even by its time: what depends on it happens after the answer.
   * @throws AppError `rate_limited` by the client and the address, whether or not it has an account
   */
  async request(email: string, context: RequestContext): Promise<void> {
    if (await this.limits.allowsMail('resetMail', context, email))
      this.mailer.sendLater('password_reset', () => this.compose(email, context));
  }

  /**
   * Whose link it is; nothing is used up.
   * @throws AppError `invalid_or_expired_token`
   */
  async emailOf(token: string): Promise<string> {
    return (await this.tokens.owner(token, 'password_reset')).email;
  }

  /**
   * A password that fails the rules does not use the token up.
   * @throws AppError `invalid_or_expired_token`, `weak_password`, `busy`
   */
  async reset(token: string, password: string, context: RequestContext): Promise<void> {
    const owner = await this.tokens.owner(token, 'password_reset');
    requireGoodPassword(password, owner);
    const passwordHash = await this.hasher.hash(password, hashOwner(context, owner.email));
    await runInTransaction(this.database, async (tx) => {
      const user = await this.tokens.redeem(tx, owner, token, 'password_reset');
      await this.newPassword.write(tx, user, { passwordHash, action: 'password.reset', mailboxProven: true }, context);
    });
    authResults.inc({ action: 'password_reset', result: 'ok' });
  }

  private async compose(email: string, context: RequestContext): Promise<Mail | null> {
    const user = await this.users.findByEmail(email);
    if (!user?.isActive) return null;
    const token = await this.database.transaction(async (tx) => {
      await this.audit.record(tx, { action: 'password.reset_requested', actorId: null, targetId: user.id }, context);
      return this.tokens.issue(tx, user.id, 'password_reset');
    });
    return passwordResetMail(user, this.links.reset(token));
  }
}
