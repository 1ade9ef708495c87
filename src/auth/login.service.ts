import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { hashOwner } from '../rate-limit/ip-prefix.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError } from '../common/errors.js';
import { authResults } from '../common/logging/metrics.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { PASSWORD_ONLY } from '../sessions/sessions.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { ConcurrentModificationError, retryOnConflict } from './retry-on-conflict.js';
import type { LoginBody } from './auth.dto.js';
import { EmailVerificationService } from './email/email-verification.service.js';
import { MfaTokens } from './mfa/mfa-tokens.js';
import type { SignInBody } from './mfa/mfa.dto.js';
import { LoginThrottle } from './passwords/login-throttle.js';
import { PasswordFailures } from './passwords/password-failures.js';
import { PasswordRehash } from './passwords/password-rehash.js';
import { SignInService } from './sign-in.service.js';

const WRONG_OR_UNCONFIRMED = 'E-mail or password is wrong, or the address is not confirmed yet';

@Injectable()
export class LoginService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly failures: PasswordFailures,
    private readonly rehash: PasswordRehash,
    private readonly mfaTokens: MfaTokens,
    private readonly signIn: SignInService,
    private readonly verification: EmailVerificationService,
    private readonly settings: Settings,
  ) {}

  /**
   * Answers alike, in the same time, for an unknown address, a wrong password, an account without a password and an
   * unconfirmed address where confirmation is required.
   * @throws AppError `invalid_credentials`, `account_disabled`, `rate_limited`, `busy`
   */
  async login(body: LoginBody, context: RequestContext): Promise<SignInBody> {
    context.attemptedEmail = body.email;
    return this.throttle.limitSignIns(body.email, context, () =>
      retryOnConflict((deadline) => this.attempt(body, context, deadline)),
    );
  }

  private async attempt(body: LoginBody, context: RequestContext, deadline: number): Promise<SignInBody> {
    const user = await this.users.findByEmail(body.email);
    const matches = await this.matchPassword(body, user, context, deadline);
    if (!user || !matches) throw this.refused('invalid_credentials');
    const wasDisabled = this.failures.isDisabled(user);
    if (!user.isActive) throw this.refused('account_disabled');
    if (user.mfaEnabled) {
      this.rehash.afterAnswer(user, body.password);
      return this.mfaTokens.issue(user, PASSWORD_ONLY.amr);
    }
    const session = await runInTransaction(this.database, async (tx) => {
      const isUnchanged = await this.users.recordLogin(tx, user);
      // `user` is read again by now: wrong passwords in parallel may have disabled the password.
      const isDisabled = !wasDisabled && this.failures.isDisabled(user);
      if (!isUnchanged || user.mfaEnabled || isDisabled) throw new ConcurrentModificationError();
      return this.signIn.openSession(tx, user, context, { deviceInfo: body.device_info });
    });
    authResults.inc({ action: 'login', result: 'ok' });
    this.rehash.afterAnswer(user, body.password);
    return { mfa_required: false, ...this.signIn.toTokenResponse(user, session) };
  }

  private matchPassword({ email, password }: LoginBody, user: User | null, context: RequestContext, deadline: number) {
    const subject = { email, passwordGeneration: user?.passwordGeneration ?? 0 };
    const isUnconfirmed = this.settings.requireEmailVerification && user?.isVerified === false;
    const judge = this.failures.judge(user, context);
    const onCompared = async (matches: boolean) => {
      if (!(await judge(matches))) return false;
      if (!isUnconfirmed) return true;
      // Counted like a wrong password, so that the limit does not reveal that it was right.
      await this.verification.resendAfterSignIn(email, context);
      return false;
    };
    return this.throttle.check(subject, context, deadline, (timeoutMs) =>
      this.hasher.match(password, user?.passwordHash ?? null, timeoutMs, hashOwner(context, email), onCompared),
    );
  }

  private refused(type: 'invalid_credentials' | 'account_disabled'): AppError {
    authResults.inc({ action: 'login', result: type });
    const mayBeUnconfirmed = type === 'invalid_credentials' && this.settings.requireEmailVerification;
    return new AppError(type, mayBeUnconfirmed ? { message: WRONG_OR_UNCONFIRMED } : {});
  }
}
