import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppError } from '../../common/errors.js';
import type { Principal } from '../../common/http/request-context.js';
import { Settings } from '../../config/settings.js';
import { IdentitiesService } from '../../users/identities/identities.service.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { Factors } from '../mfa/factors.js';

const MAX_AGE_SECONDS = 600;

const isRecent = ({ authTime }: Principal) => Date.now() / 1000 - authTime <= MAX_AGE_SECONDS;
const hasRecentFactor = (principal: Principal) => principal.acr === 'aal2' && isRecent(principal);

/**
 * Requires an authentication within the last ten minutes, judged by the presented token. For an account with a second factor
 * it must have included the factor.
 */
@Injectable()
export class RecentAuthentication {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly factors: Factors,
    private readonly settings: Settings,
  ) {}

  /**
   * @param password the request has a password, which the handler compares
   * @throws AppError `recent_sign_in_required`
   */
  async require(principal: Principal, password = false): Promise<void> {
    const user = await this.userOf(principal);
    const suffices = user.mfaEnabled ? hasRecentFactor(principal) : password || isRecent(principal);
    if (!suffices) throw await this.refusal(user);
  }

  /**
   * For changes by administrators: a second factor within the last ten minutes, if the account has one.
   * @throws AppError `recent_sign_in_required`, `mfa_required` without a factor where `ADMIN_REQUIRE_MFA` is set
   */
  async requireFactor(principal: Principal): Promise<void> {
    const user = await this.userOf(principal);
    if (user.mfaEnabled && !hasRecentFactor(principal)) throw await this.refusal(user);
    if (!user.mfaEnabled && this.settings.adminRequireMfa) throw new AppError('mfa_required');
  }

  /** Names what the user can authenticate with: a factor, or else the password or a sign-in at a linked provider. */
  async refusal({ id, mfaEnabled, passwordHash }: User): Promise<AppError> {
    const methods = mfaEnabled
      ? await this.factors.methodsOf(this.database.manager, id)
      : [
          ...(passwordHash === null ? [] : ['password']),
          ...(await this.identities.listOf(id)).map(({ provider }) => provider),
        ];
    return new AppError('recent_sign_in_required', { beside: { methods } });
  }

  private async userOf({ userId, userRow }: Principal): Promise<User> {
    return userRow ? this.users.fromRow(userRow) : this.users.getOwn(userId);
  }
}
