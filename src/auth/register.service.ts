import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { hashOwner } from '../rate-limit/ip-prefix.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError } from '../common/errors.js';
import { authResults } from '../common/logging/metrics.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { OutboxService } from '../events/outbox.service.js';
import { userCreated } from '../events/user-events.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { DuplicateRegistrationNotifier } from './email/duplicate-registration-notifier.js';
import type { RegisterBody, TokenBody } from './auth.dto.js';
import { EmailVerificationService } from './email/email-verification.service.js';
import { requireGoodPassword } from './passwords/password-rules.js';
import { SignInService } from './sign-in.service.js';

@Injectable()
export class RegisterService {
  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
    private readonly users: UsersService,
    private readonly preferences: PreferencesService,
    private readonly hasher: PasswordHasher,
    private readonly verification: EmailVerificationService,
    private readonly alreadyRegistered: DuplicateRegistrationNotifier,
    private readonly signIn: SignInService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /**
   * @returns null if the address must be confirmed first; the answer is then the same for a taken address
   * @throws AppError `weak_password`, `email_taken`, `busy`
   */
  async register(body: RegisterBody, context: RequestContext): Promise<TokenBody | null> {
    requireGoodPassword(body.password, body);
    const passwordHash = await this.hasher.hash(body.password, hashOwner(context, body.email));
    const tokens = this.settings.requireEmailVerification
      ? await this.createUnconfirmed(body, passwordHash, context)
      : await this.createSignedIn(body, passwordHash, context);
    authResults.inc({ action: 'register', result: 'ok' });
    return tokens;
  }

  private async createSignedIn(body: RegisterBody, passwordHash: string, context: RequestContext): Promise<TokenBody> {
    const { user, session } = await runInTransaction(this.database, async (tx) => {
      const created = await this.create(tx, { ...body, passwordHash, lastLogin: new Date() }, context);
      return { user: created, session: await this.signIn.issueSession(tx, created, context, body.device_info) };
    });
    return this.signIn.toTokenResponse(user, session);
  }

  private async createUnconfirmed({ email, name }: RegisterBody, passwordHash: string, context: RequestContext) {
    try {
      await runInTransaction(this.database, (tx) => this.create(tx, { email, name, passwordHash }, context));
    } catch (error) {
      if (!(error instanceof AppError) || error.type !== 'email_taken') throw error;
      await this.alreadyRegistered.notify(email, context);
    }
    return null;
  }

  private async create(
    tx: EntityManager,
    { email, name, passwordHash, lastLogin }: Pick<User, 'email' | 'name' | 'passwordHash'> & { lastLogin?: Date },
    context: RequestContext,
  ): Promise<User> {
    const user = await this.users.create(tx, { email, name, passwordHash, lastLogin });
    await this.preferences.createDefaults(tx, user.id);
    await this.outbox.add(tx, userCreated(user), context);
    await this.audit.record(tx, { action: 'user.registered', actorId: user.id, targetId: user.id }, context);
    await this.verification.sendFirstLink(tx, user);
    return user;
  }
}
