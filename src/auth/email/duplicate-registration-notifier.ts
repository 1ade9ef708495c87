import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { runInTransaction } from '../../database/transaction.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { MailLinks } from '../../mail/links.js';
import { Mailer } from '../../mail/mailer.js';
import { alreadyRegisteredMail } from '../../mail/messages.js';
import { UsersService } from '../../users/users.service.js';
import { OneTimeTokens } from './one-time-tokens.js';

/** Notifies the owner of a registered address by mail when it is registered again. */
@Injectable()
export class DuplicateRegistrationNotifier {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly limits: RateLimits,
    private readonly mailer: Mailer,
    private readonly links: MailLinks,
    private readonly audit: AuditService,
  ) {}

  /**
   * Mails a reset link, not a confirmation link, because a reset evicts a squatter. The rows are committed before the answer,
   * so that it takes as long as the registration of a new address.
   */
  async notify(email: string, context: RequestContext): Promise<void> {
    const [owner, token] = await runInTransaction(this.database, async (tx) => {
      const held = await this.users.lockByEmail(tx, email);
      // The account was erased in the meantime.
      if (!held) return [null, null];
      await this.audit.record(tx, { action: 'user.registered_again', actorId: null, targetId: held.id }, context);
      return [held, await this.tokens.issue(tx, held.id, 'password_reset')];
    });
    if (!owner) return;
    this.mailer.sendLater('already_registered', async () => {
      const allowed = !this.limits.enabled || (await this.limits.consume('alreadyRegisteredMail', [email])).allowed;
      return owner.isActive && allowed ? alreadyRegisteredMail(owner, this.links.reset(token)) : null;
    });
  }
}
