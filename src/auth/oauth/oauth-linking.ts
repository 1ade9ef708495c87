import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { accountLinkedMail } from '../../mail/messages.js';
import { IdentitiesService, mirrorOf } from '../../users/identities/identities.service.js';
import type { Identity } from '../../users/identities/identity.entity.js';
import { mayBeSquatted } from '../../users/password-proof.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { AccountEviction } from '../account-eviction.js';
import { SecurityNotices } from '../../users/links/security-notices.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import type { ProviderAccount } from './provider-account.js';

@Injectable()
export class OAuthLinking {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly eviction: AccountEviction,
    private readonly tokens: OneTimeTokens,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
  ) {}

  /**
   * Links a provider account to the existing user with the same address.
   * @param user locked and active
   * @param account has the user's address, verified by the provider
   */
  async link(tx: EntityManager, user: User, account: ProviderAccount, context: RequestContext): Promise<Identity> {
    const { provider, subject, verifiedEmail } = account;
    const before = { ...user };
    // The provider vouches for the person who signs in now; a squatter may have created the account and still be signed in.
    const squatted = mayBeSquatted(user);
    const mirror = mirrorOf({ provider, providerUserId: subject });
    const fields = squatted
      ? await this.eviction.evict(tx, user, 'account_linked', { ...profileFrom(account, user), ...mirror }, context)
      : await this.writeMirror(tx, user, mirror, context);
    const identity = await this.identities.add(tx, {
      userId: user.id,
      provider,
      providerUserId: subject,
      email: verifiedEmail,
    });
    const entry = { action: 'identity.linked', actorId: user.id, targetId: user.id };
    const after = { provider, verified_before: before.isVerified, updated_fields: fields };
    await this.audit.record(tx, { ...entry, after }, context);
    const lost = before.passwordHash !== null && squatted;
    const resetLink = lost ? await this.tokens.issueLink(tx, user.id, 'password_reset') : null;
    const eviction = squatted ? { cleared: !before.isVerified, resetLink } : null;
    await this.notices.add(tx, user, context, (notice) => accountLinkedMail(user, notice, provider, eviction));
    return identity;
  }

  /** `users.oauth_*` shows the first identity. */
  private async writeMirror(tx: EntityManager, user: User, mirror: Partial<User>, context: RequestContext) {
    if (user.oauthProvider !== null) return [];
    await this.users.change(tx, user, mirror);
    const fields = ['oauth_provider'];
    await this.outbox.add(tx, userUpdated(user.id, fields), context);
    return fields;
  }
}

/** The provider's name and picture replace the profile of a squatter. */
function profileFrom({ name, picture }: ProviderAccount, { isVerified }: User): Partial<User> {
  return isVerified ? {} : { name, profilePictureUrl: picture };
}
