import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { PasswordHasher } from '../../crypto/password-hasher.js';
import { hashOwner } from '../../rate-limit/ip-prefix.js';
import type { User } from '../../users/user.entity.js';
import { LoginThrottle } from './login-throttle.js';
import { PasswordFailures } from './password-failures.js';

/** The password of a user who is known already, typed again. */
@Injectable()
export class PasswordConfirmation {
  constructor(
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly failures: PasswordFailures,
  ) {}

  /**
   * Counts as a sign-in attempt: a stolen access token must not allow password guessing.
   * @param deadline in the time of `performance.now()`
   * @throws AppError `invalid_credentials`, `rate_limited`, `busy`
   */
  async require(user: User, password: string, context: RequestContext, deadline: number): Promise<void> {
    if (!(await this.matches(user, password, context, deadline, true))) throw new AppError('invalid_credentials');
  }

  /**
   * Counts as a sign-in attempt.
   * @param signedIn the request has a session of the account
   * @throws AppError `rate_limited`, `busy`
   */
  async matches(user: User, password: string, context: RequestContext, deadline: number, signedIn: boolean) {
    const owner = hashOwner(context, user.email);
    const judge = this.failures.judge(user, context, signedIn);
    return this.throttle.check(user, context, deadline, (timeoutMs) =>
      this.hasher.match(password, user.passwordHash, timeoutMs, owner, judge),
    );
  }
}
