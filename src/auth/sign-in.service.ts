import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { Authentication, RequestContext } from '../common/http/request-context.js';
import { newDeviceMail } from '../mail/messages.js';
import { KnownDevices } from '../sessions/known-devices.js';
import { IssuedSession, SessionsService } from '../sessions/sessions.service.js';
import { SecurityNotices } from '../users/links/security-notices.js';
import { ProfileService } from '../users/profile.service.js';
import type { User } from '../users/user.entity.js';
import { AccessTokens } from './tokens/access-tokens.js';
import type { TokenBody } from './auth.dto.js';
import { MfaResets } from './mfa/mfa-resets.js';

interface SignIn {
  deviceInfo?: Record<string, unknown>;
  /** By a password alone where it is left out. */
  authentication?: Pick<Authentication, 'amr' | 'acr'>;
  by?: { factor: string } | { provider: string };
}

/** The last step of every sign-in: the session and its tokens. */
@Injectable()
export class SignInService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly devices: KnownDevices,
    private readonly accessTokens: AccessTokens,
    private readonly profiles: ProfileService,
    private readonly audit: AuditService,
    private readonly notices: SecurityNotices,
    private readonly resets: MfaResets,
  ) {}

  /**
   * Audits the sign-in and issues its session.
   * @param by what identified the user, for the audit; a password goes without saying
   */
  async openSession(
    tx: EntityManager,
    user: User,
    context: RequestContext,
    { deviceInfo, authentication, by }: SignIn,
  ): Promise<IssuedSession> {
    const entry = { action: 'session.opened', actorId: user.id, targetId: user.id, ...(by && { after: by }) };
    await this.audit.record(tx, entry, context);
    return this.issueSession(tx, user, context, deviceInfo, authentication);
  }

  async issueSession(
    tx: EntityManager,
    user: User,
    context: RequestContext,
    deviceInfo: Record<string, unknown> | undefined,
    authentication?: Pick<Authentication, 'amr' | 'acr'>,
  ): Promise<IssuedSession> {
    const device = deviceInfo ?? { user_agent: context.userAgent };
    if (await this.devices.isNew(tx, user, context)) {
      const entry = { action: 'sign_in.new_device', actorId: user.id, targetId: user.id };
      await this.audit.record(tx, entry, context);
      await this.notices.add(tx, user, context, (notice) => newDeviceMail(user, notice), { bundled: true });
    }
    if (authentication?.acr === 'aal2') await this.resets.cancel(tx, user, context);
    return this.sessions.issue(tx, user.id, context, device, authentication);
  }

  /** @param user after the commit */
  toTokenResponse(user: User, session: IssuedSession): TokenBody {
    const { token, expiresIn } = this.accessTokens.sign(user, session.id, session.expiresIn, session);
    return {
      access_token: token,
      token,
      token_type: 'Bearer',
      expires_in: expiresIn,
      refresh_token: session.refreshToken,
      refresh_expires_in: session.expiresIn,
      user: this.profiles.toProfileResponse(user),
    };
  }
}
