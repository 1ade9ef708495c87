import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { type AuditEntry, AuditService } from '../audit/audit.service.js';
import { AddressChangeService } from '../auth/email/address-change.service.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError, invalidAccessToken } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { ErasureService } from '../privacy/erasure.service.js';
import { roleChangedMail, statusChangedMail } from '../mail/messages.js';
import { RevocationReason, SessionsService } from '../sessions/sessions.service.js';
import { lockAdministrators, requireAnotherAdmin } from '../users/last-admin.js';
import { requireEmail } from '../users/emails/email.js';
import { SecurityNotices } from '../users/links/security-notices.js';
import type { UpdateProfileBody } from '../users/profile.dto.js';
import { ProfileService } from '../users/profile.service.js';
import type { Role, User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { promotionRefusal } from './promotion.js';

/** Until the answer, for blanking the audit of an erased account; the rest follows. */
const MAX_REDACTION_MS = 2000;

export interface AdminAction {
  /** null for an operator's command. */
  actor: Principal | null;
  reason: string | null;
  context: RequestContext | null;
}

interface Change {
  field: 'is_active' | 'role';
  before: boolean | Role;
  after: boolean | Role;
  columns: Partial<User>;
  action: string;
  /** null: sessions stay. */
  revocation: RevocationReason | null;
}

/** Changes by administrators: row, sessions, event and audit entry in one transaction. */
@Injectable()
export class UserChangesService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly profiles: ProfileService,
    private readonly erasures: ErasureService,
    private readonly sessions: SessionsService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
    private readonly addresses: AddressChangeService,
  ) {}

  /** @throws AppError `own_account`, `not_found`, `last_admin` */
  setStatus(userId: string, isActive: boolean, act: AdminAction): Promise<void> {
    return this.apply(userId, act, (user) => statusChange(user, isActive, act));
  }

  /** @throws AppError `own_account`, `not_found`, `last_admin`, `email_not_verified`, `password_unproven` */
  setRole(userId: string, role: Role, act: AdminAction): Promise<void> {
    return this.apply(userId, act, (user) => {
      const refusal = promotionRefusal(user, role);
      if (refusal) throw new AppError(refusal);
      return {
        field: 'role',
        before: user.role,
        after: role,
        columns: { role },
        action: 'user.role_changed',
        revocation: 'role_changed',
      };
    });
  }

  /**
   * Changes what is given, all of it or nothing. The administrator vouches for an address in place of one that was confirmed.
   * @throws AppError `validation_failed`, `own_account`, `not_found`, `last_admin`, `email_taken`
   */
  async update(
    userId: string,
    {
      isActive,
      email,
      ...profile
    }: Pick<UpdateProfileBody, 'name' | 'industry'> & { isActive?: boolean; email?: string },
    act: AdminAction,
  ): Promise<User> {
    return this.lockAndCheck(userId, act, isActive === false, async (tx, user) => {
      await this.profiles.change(tx, user, profile, act.context, act.actor?.userId ?? null);
      if (email !== undefined) await this.changeAddress(tx, user, email, act);
      if (isActive !== undefined && isActive !== user.isActive)
        await this.write(tx, user, statusChange(user, isActive, act), act);
      return user;
    });
  }

  private async changeAddress(tx: EntityManager, user: User, address: string, { actor, reason, context }: AdminAction) {
    const email = requireEmail(address);
    const verifiedAt = user.isVerified ? new Date() : null;
    const options = { actorId: actor?.userId ?? null, verifiedAt, reason: reason ?? undefined };
    if (email !== user.email) await this.addresses.changeAddress(tx, user, email, options, context);
  }

  /** Deletes the account for good. @throws AppError `own_account`, `not_found`, `last_admin` */
  async erase(userId: string, act: AdminAction): Promise<void> {
    const by = { actorId: act.actor?.userId ?? null, reason: act.reason ?? undefined };
    await this.lockAndCheck(userId, act, true, (tx, user) =>
      this.erasures.remove(tx, user, act.context, performance.now() + MAX_REDACTION_MS, by),
    );
  }

  /** Also for the own account. @throws AppError `not_found`, `unauthenticated` */
  async revokeSessions(userId: string, act: AdminAction): Promise<void> {
    await runInTransaction(this.database, async (tx) => {
      await lockAdministrators(tx);
      await this.users.lock(tx, userId);
      await this.requireStillAdmin(tx, act);
      const ended = await this.sessions.revokeAllOf(tx, userId, 'revoked_by_admin');
      if (ended.length === 0) return;
      await this.record(tx, 'user.sessions_revoked', userId, act, { after: { sessions: ended.length } });
    });
  }

  private async apply(userId: string, act: AdminAction, changeOf: (user: User) => Change): Promise<void> {
    await this.lockAndCheck(userId, act, true, async (tx, user) => {
      const change = changeOf(user);
      if (change.before !== change.after) await this.write(tx, user, change, act);
    });
  }

  /** @param ends the work takes an administrator away, if the user is one */
  async lockAndCheck<T>(
    userId: string,
    act: AdminAction,
    ends: boolean,
    work: (tx: EntityManager, user: User) => Promise<T>,
  ): Promise<T> {
    if (userId === act.actor?.userId) throw new AppError('own_account');
    return runInTransaction(this.database, async (tx) => {
      await lockAdministrators(tx);
      const user = await this.users.lock(tx, userId);
      if (ends && user.role === 'admin' && user.isActive) await requireAnotherAdmin(tx, userId);
      await this.requireStillAdmin(tx, act);
      return work(tx, user);
    });
  }

  /** The actor may have been demoted while the transaction waited for its locks. */
  async requireStillAdmin(tx: EntityManager, { actor }: AdminAction): Promise<void> {
    if (!actor) return;
    const { role } = await this.users.lockOwn(tx, actor);
    if (role !== 'admin') throw invalidAccessToken();
  }

  /** Audits an action on an account, or on several. */
  record(
    tx: EntityManager,
    action: string,
    targetId: string | null,
    { actor, reason, context }: AdminAction,
    values: Pick<AuditEntry, 'before' | 'after'> = {},
  ): Promise<void> {
    const entry = { action, actorId: actor?.userId ?? null, targetId, reason: reason ?? undefined };
    return this.audit.record(tx, { ...entry, ...values }, context);
  }

  private async write(tx: EntityManager, user: User, change: Change, act: AdminAction): Promise<void> {
    const { field, before, after, columns, action, revocation } = change;
    await this.users.change(tx, user, columns);
    await this.notices.add(tx, user, null, (notice) =>
      field === 'role' ? roleChangedMail(user, notice, user.role) : statusChangedMail(user, notice, user.isActive),
    );
    if (revocation) await this.sessions.revokeAllOf(tx, user.id, revocation);
    await this.outbox.add(tx, userUpdated(user.id, [field]), act.context);
    await this.record(tx, action, user.id, act, { before: { [field]: before }, after: { [field]: after } });
  }
}

function statusChange({ isActive: before }: User, isActive: boolean, { actor, reason }: AdminAction): Change {
  const moment = { statusChangedAt: new Date(), statusChangedBy: actor?.userId ?? null };
  return {
    field: 'is_active',
    before,
    after: isActive,
    columns: { isActive, statusReason: reason, ...moment },
    action: isActive ? 'user.reactivated' : 'user.deactivated',
    revocation: isActive ? null : 'deactivated',
  };
}
