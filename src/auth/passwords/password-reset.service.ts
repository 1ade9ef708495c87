import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import { hashOwner } from '../../rate-limit/ip-prefix.js';
import { runInTransaction } from '../../database/transaction.js';
import { AppError } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { PasswordHasher } from '../../crypto/password-hasher.js';
import { MailLinks } from '../../mail/links.js';
import type { Mail } from '../../mail/mail.js';
import { Mailer } from '../../mail/mailer.js';
import { passwordResetMail } from '../../mail/messages.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { PasswordUpdater } from './password-updater.js';
import { OneTimeTokens } from '../one-time-tokens.js';
import { requireGoodPassword } from './password-rules.js';

/** The way back in for whoever reads the mailbox. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly hasher: PasswordHasher,
    private readonly newPassword: PasswordUpdater,
    private readonly limits: RateLimits,
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
   * Whose link it is and whether it was used; nothing is used up.
   * @throws AppError `invalid_or_expired_token`
   */
  async describe(token: string): Promise<{ email: string; used: boolean }> {
    const { owner, used } = await this.tokens.find(token, 'password_reset');
    return { email: owner.email, used };
  }

  /**
   * A password that fails the rules does not use the token up. The same request repeated changes nothing more.
   * @throws AppError `invalid_or_expired_token`, `weak_password`, `busy`
   */
  async reset(token: string, password: string, context: RequestContext): Promise<void> {
    const { owner, used } = await this.tokens.find(token, 'password_reset');
    const passwordHash = used ? null : await this.hash(password, owner, context);
    const use = await runInTransaction(this.database, async (tx) => {
      // Both spellings of a letter with an accent are one password, whichever browser repeats it.
      const redeemed = await this.tokens.consume(tx, owner, token, 'password_reset', password.normalize('NFC'));
      if (redeemed.use === 'first') await this.newPassword.reset(tx, redeemed.user, passwordHash!, context);
      return redeemed.use;
    });
    // Thrown after the commit, which keeps the count of such tries.
    if (use === 'refused') throw new AppError('invalid_or_expired_token');
    authResults.inc({ action: 'password_reset', result: 'ok' });
  }

  private hash(password: string, owner: User, context: RequestContext): Promise<string> {
    requireGoodPassword(password, owner);
    return this.hasher.hash(password, hashOwner(context, owner.email));
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
