import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { hashOwner } from '../../rate-limit/ip-prefix.js';
import { runInTransaction } from '../../database/transaction.js';
import { AppError } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { PasswordHasher } from '../../crypto/password-hasher.js';
import { UsersService } from '../../users/users.service.js';
import { ConcurrentModificationError, retryOnConflict } from '../retry-on-conflict.js';
import { LoginThrottle } from './login-throttle.js';
import { PasswordFailures } from './password-failures.js';
import { PasswordUpdater } from './password-updater.js';
import type { ChangePasswordBody } from './password.dto.js';
import { PasswordRules } from './password-rules.js';

@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly rules: PasswordRules,
    private readonly hasher: PasswordHasher,
    private readonly throttle: LoginThrottle,
    private readonly failures: PasswordFailures,
    private readonly newPassword: PasswordUpdater,
  ) {}

  /**
   * Wrong current passwords count like failed sign-ins, so that a stolen access token does not allow guessing. An account
   * without a password gets its first one by a mailed link.
   * @throws AppError `weak_password`, `invalid_credentials`, `rate_limited`, `busy`
   */
  async change(principal: Principal, body: ChangePasswordBody, context: RequestContext): Promise<void> {
    await retryOnConflict((deadline) => this.attempt(principal, body, context, deadline));
    authResults.inc({ action: 'password_change', result: 'ok' });
  }

  private async attempt(
    principal: Principal,
    body: ChangePasswordBody,
    context: RequestContext,
    deadline: number,
  ): Promise<void> {
    const { current_password: current, new_password: next } = body;
    const user = await this.users.getOwn(principal.userId);
    await this.rules.check(next, { email: user.email, name: user.name, current }, 'new_password');
    const owner = hashOwner(context, user.email);
    const judge = this.failures.judge(user, context, true);
    const passwordHash = await this.throttle.check(user, context, deadline, (timeoutMs) =>
      this.hasher.replace(current, user.passwordHash, next, timeoutMs, owner, judge),
    );
    if (passwordHash === null) throw this.refused();
    await runInTransaction(this.database, async (tx) => {
      const held = await this.users.lockOwn(tx, principal);
      if (held.passwordHash !== user.passwordHash) throw new ConcurrentModificationError();
      await this.newPassword.replace(tx, held, passwordHash, principal.sessionId, context);
    });
  }

  private refused(): AppError {
    authResults.inc({ action: 'password_change', result: 'invalid_credentials' });
    return new AppError('invalid_credentials');
  }
}
