import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { databaseError } from '../../common/database-errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import type { OnCompared } from '../../crypto/password-hasher.js';
import { runInTransaction } from '../../database/transaction.js';
import { passwordDisabledMail } from '../../mail/messages.js';
import { KnownDevices } from '../../sessions/known-devices.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import type { User } from '../../users/user.entity.js';
import { UserPasswords } from '../../users/user-passwords.js';

/**
 * Counts wrong passwords of an account in a row, from all clients. `PASSWORD_MAX_FAILURES` of them disable the password, for
 * clients that never signed in to the account, until a new one is set (NIST SP 800-63B-4 §3.2.2).
 */
@Injectable()
export class PasswordFailures {
  private readonly max: number;

  constructor(
    private readonly database: DataSource,
    private readonly passwords: UserPasswords,
    private readonly devices: KnownDevices,
    private readonly tokens: OneTimeTokens,
    private readonly notices: SecurityNotices,
    private readonly audit: AuditService,
    { passwordMaxFailures }: Settings,
  ) {
    this.max = passwordMaxFailures || Infinity;
  }

  isDisabled({ passwordFailures }: User): boolean {
    return passwordFailures >= this.max;
  }

  /**
   * Runs within the comparison, whose refusals all take the same time. A right password without failures costs nothing.
   * @param signedIn the request has a session of the account
   */
  judge(user: User | null, context: RequestContext, signedIn = false): OnCompared {
    return async (matches) => {
      if (user === null || user.passwordHash === null || this.max === Infinity) return matches;
      const isKnown = () => signedIn || this.devices.hasNetwork(user.id, context);
      if (this.isDisabled(user)) return matches && isKnown();
      if (!matches) await this.count(user, context);
      else if (user.passwordFailures > 0 && !(await this.passwords.clearFailures(user, this.max))) return isKnown();
      return matches;
    };
  }

  private async count(user: User, context: RequestContext): Promise<void> {
    try {
      await runInTransaction(this.database, async (tx) => {
        const failures = await this.passwords.countFailure(tx, user, this.max);
        if (failures !== this.max) return;
        context.securityEvent = 'password_disabled';
        const entry = { action: 'password.disabled', actorId: null, targetId: user.id, after: { failures } };
        await this.audit.record(tx, entry, context);
        if (!user.isActive) return;
        const link = await this.tokens.issueLink(tx, user.id, 'password_reset');
        await this.notices.add(tx, user, context, (notice) => passwordDisabledMail(user, notice, link));
      });
    } catch (error) {
      // On a read-only database no sign-in succeeds, and unknown addresses are answered 401.
      if (databaseError(error)?.type !== 'database_unavailable') throw error;
    }
  }
}
