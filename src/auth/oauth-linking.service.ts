import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { afterCommit } from '../common/after-commit.js';
import type { RequestContext } from '../common/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { Mailer } from '../mail/mailer.js';
import { accountLinkedMail } from '../mail/messages.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { IdentitiesService, mirrorOf } from '../users/identities.service.js';
import type { Identity } from '../users/identity.entity.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { OneTimeTokens } from './one-time-tokens.js';
import type { ProviderAccount } from './provider-account.js';

@Injectable()
export class OAuthLinking {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly sessions: SessionsService,
    private readonly tokens: OneTimeTokens,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly mailer: Mailer,
  ) {}

  /**
   * Lets a provider account open an existing user who has the same address.
   * @param user locked and active
   * @param account its address is verified by the provider and is the user's
   */
  async link(tx: EntityManager, user: User, account: ProviderAccount, context: RequestContext): Promise<Identity> {
    const { provider, subject, verifiedEmail } = account;
    const before = { ...user };
    // Nobody has shown yet that the address is theirs: whoever made the account may have squatted it, and waits inside for
    // its owner. The provider vouches for the person who is here now, so every other way in is closed first.
    const changes: Partial<User> = user.isVerified ? {} : await this.evict(tx, user.id);
    const identity = await this.identities.add(tx, {
      userId: user.id,
      provider,
      providerUserId: subject,
      email: verifiedEmail,
    });
    if (user.oauthProvider === null || !user.isVerified) Object.assign(changes, mirrorOf(identity));
    const fields = changedFields(before, { ...user, ...changes });
    if (fields.length > 0) {
      await this.users.change(tx, user, changes);
      await this.outbox.add(tx, userUpdated(user.id, fields), context);
    }
    const entry = { action: 'identity.linked', actorId: user.id, targetId: user.id };
    const after = { provider, verified_before: before.isVerified, updated_fields: fields };
    await this.audit.record(tx, { ...entry, after }, context);
    afterCommit(tx, async () => this.mailer.send(accountLinkedMail(user, provider)));
    return identity;
  }

  private async evict(tx: EntityManager, userId: string): Promise<Partial<User>> {
    await this.sessions.revokeAllOf(tx, userId, 'account_linked');
    await this.identities.remove(tx, userId);
    await this.tokens.revokeAllOf(tx, userId, 'password_reset');
    return { passwordHash: null, isVerified: true, emailVerifiedAt: new Date() };
  }
}

function changedFields(before: User, after: User): string[] {
  const fields: [field: string, changed: boolean][] = [
    ['has_password', (before.passwordHash === null) !== (after.passwordHash === null)],
    ['is_verified', before.isVerified !== after.isVerified],
    ['oauth_provider', before.oauthProvider !== after.oauthProvider],
  ];
  return fields.filter(([, changed]) => changed).map(([field]) => field);
}
