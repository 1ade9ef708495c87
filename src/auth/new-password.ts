import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { afterCommit } from '../common/after-commit.js';
import type { RequestContext } from '../common/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { Mailer } from '../mail/mailer.js';
import { passwordChangedMail } from '../mail/messages.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeTokens } from './one-time-tokens.js';

interface Change {
  passwordHash: string;
  action: 'password.reset' | 'password.changed';
  /** The session that stays; without it all end. */
  keep?: string;
  /** The change came through the mailbox, so the address is the user's. */
  mailboxProven?: boolean;
}

/** Puts a new password in place, with everything that must go with it. */
@Injectable()
export class NewPassword {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly tokens: OneTimeTokens,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly mailer: Mailer,
  ) {}

  /** @param user held by the caller's transaction */
  async write(tx: EntityManager, user: User, change: Change, context: RequestContext): Promise<void> {
    const { passwordHash, action, keep, mailboxProven = false } = change;
    const fields = user.passwordHash === null ? ['has_password'] : [];
    const changes: Partial<User> = { passwordHash, passwordGeneration: user.passwordGeneration + 1 };
    if (mailboxProven && !user.isVerified) {
      Object.assign(changes, { isVerified: true, emailVerifiedAt: new Date() });
      fields.push('is_verified');
    }
    await this.users.change(tx, user, changes);
    await this.sessions.revokeAllOf(tx, user.id, 'password_changed', keep);
    await this.tokens.revokeAllOf(tx, user.id, 'password_reset');
    if (fields.length > 0) await this.outbox.add(tx, userUpdated(user.id, fields), context);
    await this.audit.record(tx, { action, actorId: user.id, targetId: user.id }, context);
    afterCommit(tx, async () => this.mailer.send(passwordChangedMail(user)));
  }
}
