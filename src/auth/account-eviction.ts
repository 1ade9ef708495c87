import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { RequestContext } from '../common/http/request-context.js';
import { OutboxService } from '../events/outbox.service.js';
import { userUpdated } from '../events/user-events.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { RevocationReason, SessionsService } from '../sessions/sessions.service.js';
import { AvatarService } from '../users/avatars/avatar.service.js';
import { ProfileDetailsService } from '../users/details/profile-details.service.js';
import { IdentitiesService } from '../users/identities/identities.service.js';
import { newPasswordCounts } from '../users/password-proof.js';
import { changedFields } from '../users/profile.dto.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { Factors } from './mfa/factors.js';
import { OneTimeTokens } from '../users/links/one-time-tokens.js';

/** The columns that users write; the name is required, so it is replaced. */
const BLANK_PROFILE: Partial<User> = {
  profilePictureUrl: null,
  bio: null,
  location: null,
  industry: null,
  jobTitle: null,
  company: null,
  linkedinUrl: null,
  phone: null,
  dateOfBirth: null,
  gender: null,
};

/** Hands an account, which a squatter may have registered, to the owner of its address. */
@Injectable()
export class AccountEviction {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly identities: IdentitiesService,
    private readonly tokens: OneTimeTokens,
    private readonly factors: Factors,
    private readonly avatars: AvatarService,
    private readonly preferences: PreferencesService,
    private readonly details: ProfileDetailsService,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Removes every way to sign in and marks the address as confirmed. The profile is cleared only if the address was never
   * confirmed, because then the owner cannot have written it.
   * @param user locked by the caller, `mayBeSquatted`
   * @param changes of the owner, such as a new password
   * @returns API names of the changed fields
   */
  async evict(
    tx: EntityManager,
    user: User,
    cause: RevocationReason,
    changes: Partial<User>,
    context: RequestContext | null,
  ): Promise<string[]> {
    const before = { ...user };
    const sessions = await this.sessions.revokeAllOf(tx, user.id, cause);
    await this.identities.remove(tx, user.id);
    await this.factors.removeAll(tx, user.id);
    await this.tokens.revokeAllOf(tx, user.id, 'password_reset', 'email_change');
    const reset = user.isVerified
      ? []
      : [...(await this.preferences.reset(tx, user.id)), ...(await this.details.reset(tx, user.id))];
    if (!user.isVerified) await this.avatars.removeAfterCommit(tx, user.profilePictureUrl);
    await this.users.change(tx, user, {
      ...(user.isVerified ? {} : { ...BLANK_PROFILE, name: user.email.split('@')[0]!, emailVerifiedAt: new Date() }),
      isVerified: true,
      passwordHash: null,
      passwordProvenAt: null,
      ...newPasswordCounts(user),
      mfaEnabled: false,
      mfaResetAt: null,
      passkeyStatus: null,
      oauthProvider: null,
      oauthId: null,
      ...changes,
    });
    const fields = [...changedFields(before, user), ...reset].sort();
    await this.outbox.add(tx, userUpdated(user.id, fields), context);
    const after = { cause, sessions: sessions.length, password_removed: before.passwordHash !== null };
    const entry = { action: 'account.reclaimed', actorId: null, targetId: user.id };
    await this.audit.record(tx, { ...entry, after: { ...after, updated_fields: fields } }, context);
    return fields;
  }
}
