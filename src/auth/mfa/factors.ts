import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { credentialChanged, CredentialType } from '../../events/security-events.js';
import { userUpdated } from '../../events/user-events.js';
import type { FactorChange } from '../../mail/locales/texts.js';
import { factorChangedMail } from '../../mail/messages.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import { mayBeSquatted } from '../../users/password-proof.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import type { Passkey } from '../passkeys/passkey.entity.js';
import { Passkeys } from '../passkeys/passkeys.js';
import type { MfaMethod } from './mfa.dto.js';
import { RecoveryCodes } from './recovery-codes.js';
import { isUsable, TotpFactors } from './totp-factors.js';

const VERBS = { factor_added: 'create', factor_removed: 'delete', codes_replaced: 'update' } as const;

export const credentialTypeOf = ({ transports }: Pick<Passkey, 'transports'>): CredentialType =>
  transports.includes('internal') ? 'fido2-platform' : 'fido2-roaming';

/** What the second factors of an account have in common. The transaction holds the user's row. */
@Injectable()
export class Factors {
  constructor(
    private readonly users: UsersService,
    private readonly totp: TotpFactors,
    private readonly passkeys: Passkeys,
    private readonly codes: RecoveryCodes,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {}

  /** What can answer a sign-in now. @param before only what existed before then */
  async methodsOf(tx: EntityManager, userId: string, before?: Date): Promise<MfaMethod[]> {
    const totp = await this.totp.listConfirmed(tx, userId, before);
    const codes = await this.codes.count(tx, userId, before);
    const passkeys = await this.passkeys.list(tx, userId, before);
    const can = { totp: totp.some(isUsable), recovery_code: codes > 0, passkey: passkeys.length > 0 };
    return (Object.keys(can) as MfaMethod[]).filter((method) => can[method]);
  }

  /**
   * Call it after a factor was added or removed.
   * @returns recovery codes with the first factor, else null
   */
  async updateEnabled(tx: EntityManager, user: User, context: RequestContext): Promise<string[] | null> {
    const hasPasskey = (await this.passkeys.list(tx, user.id)).length > 0;
    const mfaEnabled = hasPasskey || (await this.totp.listConfirmed(tx, user.id)).length > 0;
    const status = user.passkeyStatus ?? (mayBeSquatted(user) ? 'unproven' : 'proven');
    const changes = {
      mfaEnabled,
      passkeyStatus: hasPasskey ? status : null,
      mfaResetAt: mfaEnabled ? user.mfaResetAt : null,
    };
    const switched = mfaEnabled !== user.mfaEnabled;
    if (!switched && changes.passkeyStatus === user.passkeyStatus) return null;
    await this.users.change(tx, user, changes);
    if (!switched) return null;
    await this.outbox.add(tx, userUpdated(user.id, ['mfa_enabled']), context);
    const verb = mfaEnabled ? 'create' : 'delete';
    await this.outbox.addSecurity(tx, user.id, [credentialChanged('recovery-codes', verb)]);
    if (mfaEnabled) return this.codes.replace(tx, user.id);
    await this.codes.remove(tx, user.id);
    return null;
  }

  /**
   * @returns false without such a passkey
   * @throws AppError `last_sign_in_method`
   */
  async removePasskey(tx: EntityManager, user: User, id: string, context: RequestContext): Promise<boolean> {
    const [removed] = await this.passkeys.remove(tx, user.id, { id });
    if (!removed) return false;
    await this.record(tx, user, 'factor_removed', removed.name, context, credentialTypeOf(removed));
    await this.updateEnabled(tx, user, context);
    if (user.passkeyStatus === null && user.passwordHash === null && user.oauthProvider === null)
      throw new AppError('last_sign_in_method');
    return true;
  }

  /** Leaves `users.mfa_enabled` and `users.passkey_status` to the caller. */
  async removeAll(tx: EntityManager, userId: string): Promise<void> {
    const types: CredentialType[] = [
      ...((await this.totp.remove(tx, userId)) ? ['app' as const] : []),
      ...(await this.passkeys.remove(tx, userId)).map(credentialTypeOf),
    ];
    await this.codes.remove(tx, userId);
    await this.publishRemoval(tx, userId, types.length > 0 ? [...types, 'recovery-codes'] : []);
  }

  /** Removes what was added since then, for a user who did not add it. */
  async removeSince(tx: EntityManager, user: User, since: Date, context: RequestContext): Promise<void> {
    await this.publishRemoval(tx, user.id, [
      ...((await this.totp.removeSince(tx, user.id, since)) ? ['app' as const] : []),
      ...(await this.passkeys.remove(tx, user.id, { since })).map(credentialTypeOf),
    ]);
    await this.codes.remove(tx, user.id, since);
    await this.updateEnabled(tx, user, context);
  }

  private async publishRemoval(tx: EntityManager, userId: string, types: CredentialType[]): Promise<void> {
    const events = types.map((type) => credentialChanged(type, 'delete'));
    await this.outbox.addSecurity(tx, userId, events);
  }

  /** Audits a change, publishes it as a security event and notifies the user by mail. Call it before `updateEnabled`. */
  async record(
    tx: EntityManager,
    user: User,
    change: FactorChange,
    name: string | null,
    context: RequestContext,
    type: CredentialType = 'app',
  ): Promise<void> {
    const entry = { action: `mfa.${change}`, actorId: user.id, targetId: user.id };
    await this.audit.record(tx, { ...entry, ...(name !== null && { after: { name } }) }, context);
    const verb = change in VERBS ? VERBS[change as keyof typeof VERBS] : null;
    if (verb) await this.outbox.addSecurity(tx, user.id, [credentialChanged(type, verb)]);
    await this.notices.add(tx, user, context, (notice) => factorChangedMail(user, notice, change));
  }
}
