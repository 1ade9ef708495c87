import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { OneTimeTokens } from '../users/links/one-time-tokens.js';
import { MfaResets } from '../auth/mfa/mfa-resets.js';
import { TotpFactors } from '../auth/mfa/totp-factors.js';
import { runInTransaction } from '../database/transaction.js';
import { OutboxService } from '../events/outbox.service.js';
import { userCreated } from '../events/user-events.js';
import { MailQueue } from '../mail/mail-queue.js';
import { invitationMail } from '../mail/messages.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { ExportService } from '../privacy/export.service.js';
import { lockAdministrators } from '../users/last-admin.js';
import { newPasswordCounts } from '../users/password-proof.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AdminAction, UserChangesService } from './user-changes.service.js';

/** Accounts that administrators and operators make, hand out and unlock. */
@Injectable()
export class UserAccountsService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly changes: UserChangesService,
    private readonly preferences: PreferencesService,
    private readonly exports: ExportService,
    private readonly tokens: OneTimeTokens,
    private readonly totp: TotpFactors,
    private readonly resets: MfaResets,
    private readonly mails: MailQueue,
    private readonly outbox: OutboxService,
  ) {}

  /**
   * Creates an account without a password and mails a link to set one, which confirms the address.
   * @throws AppError `email_taken`
   */
  invite({ email, name }: Pick<User, 'email' | 'name'>, act: AdminAction): Promise<User> {
    return runInTransaction(this.database, async (tx) => {
      await this.changes.requireStillAdmin(tx, act);
      const user = await this.users.create(tx, { email, name });
      await this.preferences.createDefaults(tx, user.id);
      await this.outbox.add(tx, userCreated(user), act.context);
      await this.changes.record(tx, 'user.invited', user.id, act);
      const link = await this.tokens.issueLink(tx, user.id, 'password_reset');
      await this.mails.add(tx, invitationMail(user, link));
      return user;
    });
  }

  /** All data of the user, like the own export. @throws AppError `not_found` */
  export(userId: string, act: AdminAction): Promise<Readable> {
    return this.exports.exportLocked(async (tx) => {
      await lockAdministrators(tx);
      const user = await this.users.lock(tx, userId);
      await this.changes.requireStillAdmin(tx, act);
      await this.changes.record(tx, 'user.exported', userId, act);
      return user;
    });
  }

  /**
   * Removes the second factors of a user who lost them, after a day of notice to all their addresses.
   * @returns when it takes effect
   * @throws AppError `own_account`, `not_found` also without a factor
   */
  resetFactors(userId: string, act: AdminAction): Promise<Date> {
    return this.changes.lockAndCheck(userId, act, false, async (tx, user) => {
      const effectiveAt = await this.resets.request(tx, user);
      const after = { effective_at: effectiveAt.toISOString() };
      await this.changes.record(tx, 'user.mfa_reset_requested', userId, act, { after });
      return effectiveAt;
    });
  }

  /**
   * Lifts locks after wrong passwords and codes, and enables a password that too many of them have disabled.
   * @throws AppError `own_account`, `not_found`
   */
  async unlock(userId: string, act: AdminAction): Promise<void> {
    await this.changes.lockAndCheck(userId, act, false, async (tx, user) => {
      await this.users.change(tx, user, newPasswordCounts(user));
      await this.totp.clearFailures(tx, userId);
      await this.changes.record(tx, 'user.unlocked', userId, act);
    });
  }
}
