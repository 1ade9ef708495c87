import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../common/after-commit.js';
import { AppError } from '../common/errors.js';
import { authResults } from '../common/metrics.js';
import type { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { UsersService } from '../users/users.service.js';
import { AccountChanged, withCurrentAccount } from './account-changed.js';
import type { LoginBody, TokenBody } from './auth.dto.js';
import { LoginThrottle } from './login-throttle.js';
import { SignInService } from './sign-in.service.js';

@Injectable()
export class LoginService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly signIn: SignInService,
    private readonly audit: AuditService,
    private readonly settings: Settings,
  ) {}

  /**
   * The same answer in the same time for an unknown address, a wrong password and an account without one.
   * @throws AppError `invalid_credentials`, `account_disabled`, `email_not_verified`, `rate_limited`, `busy`
   */
  async login(body: LoginBody, context: RequestContext): Promise<TokenBody> {
    return withCurrentAccount((answerBy) => this.attempt(body, context, answerBy));
  }

  private async attempt(body: LoginBody, context: RequestContext, answerBy: number): Promise<TokenBody> {
    const user = await this.users.findByEmail(body.email);
    const passwordHash = user?.passwordHash ?? null;
    const compare = (limit: number) => this.hasher.matches(body.password, passwordHash, limit);
    const matches = await this.throttle.check({ email: body.email, passwordHash }, context, compare, answerBy);
    if (!user || !matches) throw this.refused('invalid_credentials');
    if (!user.isActive) throw this.refused('account_disabled');
    if (this.settings.requireEmailVerification && !user.isVerified) throw this.refused('email_not_verified');
    // A hash of another cost is renewed while the password is at hand.
    const renewed = await this.hasher.renewed(body.password, passwordHash);
    const changes = renewed ? { passwordHash: renewed } : {};
    const session = await runInTransaction(this.database, async (tx) => {
      if (!(await this.users.markLogin(tx, user, changes))) throw new AccountChanged();
      await this.audit.record(tx, { action: 'session.opened', actorId: user.id, targetId: user.id }, context);
      return this.signIn.openSession(tx, user, context, body.device_info);
    });
    authResults.inc({ action: 'login', result: 'ok' });
    return this.signIn.answer(user, session);
  }

  private refused(type: 'invalid_credentials' | 'account_disabled' | 'email_not_verified'): AppError {
    authResults.inc({ action: 'login', result: type });
    return new AppError(type);
  }
}
