import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { runInTransaction } from '../../database/transaction.js';
import { isUniqueViolation } from '../../common/database-errors.js';
import { isEmailAddress } from '../../common/dto/email-address.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userCreated } from '../../events/user-events.js';
import { PreferencesService } from '../../preferences/preferences.service.js';
import { IdentitiesService } from '../../users/identities/identities.service.js';
import type { Identity } from '../../users/identities/identity.entity.js';
import { mayBeSquatted } from '../../users/password-proof.js';
import { localeOf } from '../../mail/locales/locales.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { OAuthLinking } from './oauth-linking.js';
import type { ProviderAccount } from './provider-account.js';

/** An active user, whose row is locked, and the identity that signs in. */
export interface SignedInAccount {
  user: User;
  identity: Identity;
}

/** A lost race was won by a sign-in that has committed, so the second attempt usually finds its rows. */
const MAX_ATTEMPTS = 4;

/** The row that was read was gone when it was to be locked. */
class ConflictError extends Error {}

/** Finds the user of a provider account: by the provider's id, then by a verified address, or else creates one. */
@Injectable()
export class OAuthAccounts {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly linking: OAuthLinking,
    private readonly preferences: PreferencesService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Finds, links or creates the user and runs `finish` in one transaction, again if a race was lost.
   * @throws AppError `provider_email_unverified`, `account_disabled`, `email_taken`, `busy`
   */
  async signIn<T>(
    account: ProviderAccount,
    context: RequestContext,
    finish: (tx: EntityManager, signedIn: SignedInAccount) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      try {
        return await runInTransaction(this.database, async (tx) =>
          finish(tx, await this.resolve(tx, account, context)),
        );
      } catch (error) {
        // An address that stays taken is reserved for the user who gave it up.
        if (!isLostRace(error) || (attempt === MAX_ATTEMPTS && error instanceof AppError)) throw error;
      }
    }
    throw new AppError('busy', { retryAfter: 1 });
  }

  /**
   * Locks the user of an identity.
   * @returns null if either is gone
   * @throws AppError `account_disabled`
   */
  async load(tx: EntityManager, identityId: string): Promise<SignedInAccount | null> {
    const found = await this.identities.find(tx, { id: identityId });
    const user = found && (await this.users.findAndLock(tx, found.userId));
    // Read again under the lock, which unlinking takes too.
    const identity = user && (await this.identities.find(tx, { id: identityId }));
    if (!identity) return null;
    if (!user.isActive) throw new AppError('account_disabled');
    return { user, identity };
  }

  private async resolve(
    tx: EntityManager,
    account: ProviderAccount,
    context: RequestContext,
  ): Promise<SignedInAccount> {
    const key = { provider: account.provider, providerUserId: account.subject };
    const known = await this.identities.find(tx, key);
    if (known) {
      const signedIn = await this.load(tx, known.id);
      if (!signedIn) throw new ConflictError();
      const { user } = signedIn;
      // Linked by a release that kept unproven passwords: removed now that the provider vouches for the owner again.
      if (account.verifiedEmail !== user.email || !mayBeSquatted(user)) return signedIn;
      return { user, identity: await this.linking.link(tx, user, account, context) };
    }
    const { verifiedEmail } = account;
    const owner = verifiedEmail === null ? null : await this.users.lockByEmail(tx, verifiedEmail);
    if (verifiedEmail === null || (!owner && !isEmailAddress(verifiedEmail)))
      throw new AppError('provider_email_unverified');
    if (!owner) return this.create(tx, account, verifiedEmail, context);
    if (!owner.isActive) throw new AppError('account_disabled');
    return { user: owner, identity: await this.linking.link(tx, owner, account, context) };
  }

  private async create(
    tx: EntityManager,
    { provider, subject, name, picture }: ProviderAccount,
    email: string,
    context: RequestContext,
  ): Promise<SignedInAccount> {
    const user = await this.users.create(tx, {
      email,
      name,
      isVerified: true,
      emailVerifiedAt: new Date(),
      profilePictureUrl: picture,
      oauthProvider: provider,
      oauthId: subject,
      locale: localeOf(context.acceptLanguage),
    });
    await this.preferences.createDefaults(tx, user.id);
    const identity = await this.identities.add(tx, { userId: user.id, provider, providerUserId: subject, email });
    await this.outbox.add(tx, userCreated(user), context);
    const entry = { action: 'user.registered', actorId: user.id, targetId: user.id, after: { provider } };
    await this.audit.record(tx, entry, context);
    return { user, identity };
  }
}

/** Unique indexes on the address and on the provider's id decide between parallel sign-ins. */
function isLostRace(error: unknown): boolean {
  if (error instanceof AppError) return error.type === 'email_taken';
  return error instanceof ConflictError || isUniqueViolation(error, 'user_identities_provider_subject_key');
}
