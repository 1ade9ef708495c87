import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import type { RequestContext } from '../common/http/request-context.js';
import { MailLinks } from '../mail/links.js';
import { Mailer } from '../mail/mailer.js';
import { alreadyRegisteredMail } from '../mail/messages.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeTokens } from './one-time-tokens.js';

/** Tells the owner of an address, and nobody else, that somebody tried to register it. */
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
   * The link it mails is one for a new password, not for confirming: it throws out whoever took an address that is not
   * theirs. Its rows are written and committed here because a new address has rows written too, and takes as long.
   */
  async notify(email: string, context: RequestContext): Promise<void> {
    const [owner, token] = await this.database.transaction(async (tx) => {
      const held = await this.users.lockByEmail(tx, email);
      // Erased a moment ago: there is nobody to tell.
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
