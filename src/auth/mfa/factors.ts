import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import type { FactorChange } from '../../mail/locales/texts.js';
import { factorChangedMail } from '../../mail/messages.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import type { MfaMethod } from './mfa.dto.js';
import { RecoveryCodes } from './recovery-codes.js';
import { isUsable, TotpFactors } from './totp-factors.js';

/** What the second factors of an account have in common. The transaction holds the user's row. */
@Injectable()
export class Factors {
  constructor(
    private readonly users: UsersService,
    private readonly totp: TotpFactors,
    private readonly codes: RecoveryCodes,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {}

  /** What can answer a sign-in now. @param before only what existed before then */
  async methodsOf(tx: EntityManager, userId: string, before?: Date): Promise<MfaMethod[]> {
    const totp = await this.totp.listConfirmed(tx, userId, before);
    const codes = await this.codes.count(tx, userId, before);
    return [...(totp.some(isUsable) ? ['totp' as const] : []), ...(codes > 0 ? ['recovery_code' as const] : [])];
  }

  /**
   * Call it after a factor was added or removed.
   * @returns recovery codes with the first factor, else null
   */
  async updateEnabled(tx: EntityManager, user: User, context: RequestContext): Promise<string[] | null> {
    const mfaEnabled = (await this.totp.listConfirmed(tx, user.id)).length > 0;
    if (mfaEnabled === user.mfaEnabled) return null;
    await this.users.change(tx, user, { mfaEnabled });
    await this.outbox.add(tx, userUpdated(user.id, ['mfa_enabled']), context);
    if (mfaEnabled) return this.codes.replace(tx, user.id);
    await this.codes.remove(tx, user.id);
    return null;
  }

  /** Leaves `users.mfa_enabled` to the caller. */
  async removeAll(tx: EntityManager, userId: string): Promise<void> {
    await this.totp.remove(tx, userId);
    await this.codes.remove(tx, userId);
  }

  /** Removes what was added since then, for a user who did not add it. */
  async removeSince(tx: EntityManager, user: User, since: Date, context: RequestContext): Promise<void> {
    await this.totp.removeSince(tx, user.id, since);
    await this.codes.remove(tx, user.id, since);
    await this.updateEnabled(tx, user, context);
  }

  /** Audits a change and notifies the user by mail. Call it before `updateEnabled`. */
  async record(tx: EntityManager, user: User, change: FactorChange, name: string | null, context: RequestContext) {
    const entry = { action: `mfa.${change}`, actorId: user.id, targetId: user.id };
    await this.audit.record(tx, { ...entry, ...(name !== null && { after: { name } }) }, context);
    await this.notices.add(tx, user, context, (notice) => factorChangedMail(user, notice, change));
  }
}
