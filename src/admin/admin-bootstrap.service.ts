import { Inject, Injectable, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { AccountEviction } from '../auth/account-eviction.js';
import { requireEmail } from '../users/emails/email.js';
import { SecurityNotices } from '../users/links/security-notices.js';
import { OneTimeTokens } from '../users/links/one-time-tokens.js';
import { PasswordRules } from '../auth/passwords/password-rules.js';
import { runInTransaction } from '../database/transaction.js';
import { canonicalEmail } from '../common/dto/email-address.js';
import { AppError } from '../common/errors.js';
import type { Logger } from '../common/logging/logger.js';
import { LOGGER } from '../common/logging/logger.module.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { randomToken } from '../crypto/tokens.js';
import { OutboxService } from '../events/outbox.service.js';
import { userCreated, userUpdated } from '../events/user-events.js';
import { MailQueue } from '../mail/mail-queue.js';
import { firstAdministratorMail, roleChangedMail } from '../mail/messages.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { hasAdministrator, lockAdministrators } from '../users/last-admin.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { promotionRefusal } from './promotion.js';

export interface AdminGrant {
  user: User;
  /** `reclaimed`: promoted, after all earlier credentials were revoked. */
  outcome: 'created' | 'promoted' | 'reclaimed' | 'unchanged';
  /** The generated password of a new account: shown once, stored nowhere. */
  password: string | null;
}

/** Between two checks for the account of `ADMIN_BOOTSTRAP_EMAIL`. */
const INTERVAL_MS = 5000;

/** Makes the first administrators: by the operator's command or by `ADMIN_BOOTSTRAP_EMAIL`, never by a route. */
@Injectable()
export class AdminBootstrapService implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
    private readonly users: UsersService,
    private readonly preferences: PreferencesService,
    private readonly sessions: SessionsService,
    private readonly rules: PasswordRules,
    private readonly hasher: PasswordHasher,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly eviction: AccountEviction,
    private readonly tokens: OneTimeTokens,
    private readonly notices: SecurityNotices,
    private readonly mails: MailQueue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.settings.adminBootstrapEmail) await this.bootstrap(this.settings.adminBootstrapEmail);
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  /**
   * Promotes the account, or creates one.
   * @param chosen password of a new account; null generates one
   * @throws AppError `account_disabled`, `weak_password`, `validation_failed` for an address that is not allowed
   */
  async grantAdmin(address: string, name: string, chosen: string | null): Promise<AdminGrant> {
    const email = canonicalEmail(address);
    if (chosen !== null) await this.rules.check(chosen, { email: email ?? address, name });
    const password = chosen ?? randomToken();
    const passwordHash = await this.hasher.hash(password);
    return runInTransaction(this.database, async (tx): Promise<AdminGrant> => {
      await lockAdministrators(tx);
      const user = await this.users.lockByEmail(tx, address);
      if (!user) {
        const created = await this.create(tx, requireEmail(address), name, passwordHash);
        return { user: created, outcome: 'created', password: chosen === null ? password : null };
      }
      if (!user.isActive) throw new AppError('account_disabled');
      if (user.role === 'admin') return { user, outcome: 'unchanged', password: null };
      const reclaimed = await this.promote(tx, user, 'npm run admin:create', name);
      return { user, outcome: reclaimed ? 'reclaimed' : 'promoted', password: null };
    });
  }

  /** Retries until there is an administrator: the account may be registered or confirmed later. */
  private async bootstrap(email: string): Promise<void> {
    const done = await this.promoteFirst(email).catch((error: unknown) => {
      this.logger.warn({ err: error }, 'looking for the first administrator failed; tried again later');
      return false;
    });
    if (!done) this.timer = setTimeout(() => void this.bootstrap(email), INTERVAL_MS).unref();
  }

  /** @returns whether there is an administrator now */
  private async promoteFirst(email: string): Promise<boolean> {
    return runInTransaction(this.database, async (tx) => {
      await lockAdministrators(tx);
      if (await hasAdministrator(tx)) return true;
      const user = await this.users.lockByEmail(tx, email);
      // Verified only: registering an address does not prove that it is one's own.
      if (!user?.isActive || !user.isVerified) return false;
      await this.promote(tx, user, 'ADMIN_BOOTSTRAP_EMAIL', user.name);
      this.logger.info({ user_id: user.id }, 'made the first administrator');
      return true;
    });
  }

  /**
   * The operator vouches for the address, not for the account. Where a squatter may have registered it, all credentials are
   * revoked and the owner of the mailbox gets a link to set a password.
   * @param name replaces one that a squatter may have chosen
   * @returns whether the account was reclaimed
   */
  private async promote(tx: EntityManager, user: User, reason: string, name: string): Promise<boolean> {
    const before = { role: user.role };
    const reclaimed = promotionRefusal(user, 'admin') !== null;
    if (reclaimed) await this.reclaim(tx, user, user.isVerified ? {} : { name });
    else {
      await this.users.change(tx, user, { role: 'admin' });
      await this.sessions.revokeAllOf(tx, user.id, 'role_changed');
      await this.outbox.add(tx, userUpdated(user.id, ['role']), null);
      await this.notices.add(tx, user, null, (notice) => roleChangedMail(user, notice, 'admin'));
    }
    const entry = { action: 'user.role_changed', actorId: null, targetId: user.id, reason };
    await this.audit.record(tx, { ...entry, before, after: { role: 'admin' } }, null);
    return reclaimed;
  }

  private async reclaim(tx: EntityManager, user: User, changes: Partial<User>): Promise<void> {
    await this.eviction.evict(tx, user, 'role_changed', { ...changes, role: 'admin' }, null);
    const link = await this.tokens.issueLink(tx, user.id, 'password_reset');
    await this.mails.add(tx, firstAdministratorMail(user, link));
  }

  private async create(tx: EntityManager, email: string, name: string, passwordHash: string): Promise<User> {
    // The operator vouches for the address and the password.
    const now = new Date();
    const proof = { isVerified: true, emailVerifiedAt: now, passwordProvenAt: now };
    const user = await this.users.create(tx, { email, name, passwordHash, role: 'admin', ...proof });
    await this.preferences.createDefaults(tx, user.id);
    await this.outbox.add(tx, userCreated(user), null);
    const entry = { action: 'user.registered', actorId: null, targetId: user.id, reason: 'npm run admin:create' };
    await this.audit.record(tx, { ...entry, after: { role: 'admin' } }, null);
    return user;
  }
}
