import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { RateLimitResult } from '../rate-limit/limiter.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import { clientKey, hashOwner } from '../rate-limit/ip-prefix.js';
import { runInTransaction } from '../database/transaction.js';
import { mailboxOf } from '../common/dto/email-address.js';
import { AppError } from '../common/errors.js';
import { authResults } from '../common/logging/metrics.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { UsersService } from '../users/users.service.js';
import { ConcurrentModificationError, retryOnConflict } from './retry-on-conflict.js';
import type { LoginBody, TokenBody } from './auth.dto.js';
import { EmailVerificationService } from './email-verification.service.js';
import { LoginThrottle } from './passwords/login-throttle.js';
import { SignInService } from './sign-in.service.js';

const WRONG_OR_UNCONFIRMED = 'E-mail or password is wrong, or the address is not confirmed yet';

@Injectable()
export class LoginService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly signIn: SignInService,
    private readonly audit: AuditService,
    private readonly verification: EmailVerificationService,
    private readonly limits: RateLimits,
    private readonly settings: Settings,
  ) {}

  /**
   * The same answer in the same time for an unknown address, a wrong password, an account without one, and, where addresses must
   * be confirmed first, one that is not.
   * @throws AppError `invalid_credentials`, `account_disabled`, `rate_limited`, `busy`
   */
  async login(body: LoginBody, context: RequestContext): Promise<TokenBody> {
    context.attemptedEmail = body.email;
    const place = await this.requirePlace(body.email, context);
    try {
      return await retryOnConflict((answerBy) => this.attempt(body, context, answerBy));
    } catch (error) {
      await place?.refund();
      throw error;
    }
  }

  /** Sign-ins that succeed cost as much as others; counted before the comparison, whose cost is what the limit bounds. */
  private async requirePlace(email: string, context: RequestContext): Promise<RateLimitResult | null> {
    if (!this.limits.enabled) return null;
    const place = await this.limits.consume('signIns', [mailboxOf(email), clientKey(context)]);
    if (place.allowed) return place;
    await place.refund();
    this.limits.show(context, place);
    throw this.limits.toError('signIns', context, place.resetsIn);
  }

  private async attempt(body: LoginBody, context: RequestContext, answerBy: number): Promise<TokenBody> {
    const user = await this.users.findByEmail(body.email);
    const passwordHash = user?.passwordHash ?? null;
    const owner = hashOwner(context, body.email);
    const isUnconfirmed = this.settings.requireEmailVerification && user !== null && !user.isVerified;
    let spelling: string | null = null;
    const compare = async (limit: number) => {
      spelling = await this.hasher.match(body.password, passwordHash, limit, owner);
      const matches = spelling !== null;
      if (matches && isUnconfirmed) this.verification.resendAfterSignIn(body.email);
      return matches && !isUnconfirmed;
    };
    const subject = { email: body.email, passwordGeneration: user?.passwordGeneration ?? 0 };
    const matches = await this.throttle.check(subject, context, compare, answerBy);
    if (!user || !matches) throw this.refused('invalid_credentials');
    if (!user.isActive) throw this.refused('account_disabled');
    // A hash of another cost or spelling is renewed while the password is at hand.
    const renewed = await this.hasher.rehashIfNeeded(spelling, passwordHash, owner);
    const changes = renewed ? { passwordHash: renewed } : {};
    const session = await runInTransaction(this.database, async (tx) => {
      if (!(await this.users.recordLogin(tx, user, changes))) throw new ConcurrentModificationError();
      await this.audit.record(tx, { action: 'session.opened', actorId: user.id, targetId: user.id }, context);
      return this.signIn.issueSession(tx, user, context, body.device_info);
    });
    authResults.inc({ action: 'login', result: 'ok' });
    return this.signIn.toTokenResponse(user, session);
  }

  private refused(type: 'invalid_credentials' | 'account_disabled'): AppError {
    authResults.inc({ action: 'login', result: type });
    const mayBeUnconfirmed = type === 'invalid_credentials' && this.settings.requireEmailVerification;
    return new AppError(type, mayBeUnconfirmed ? { message: WRONG_OR_UNCONFIRMED } : {});
  }
}
