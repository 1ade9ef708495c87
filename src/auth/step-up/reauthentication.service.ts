import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { AppError, invalidField } from '../../common/errors.js';
import type { Authentication, Principal, RequestContext } from '../../common/http/request-context.js';
import { authResults } from '../../common/logging/metrics.js';
import { runInTransaction } from '../../database/transaction.js';
import { PASSWORD_ONLY, SessionsService } from '../../sessions/sessions.service.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { MfaResets } from '../mfa/mfa-resets.js';
import { AccessTokens } from '../tokens/access-tokens.js';
import { methodOf, MfaCodes } from '../mfa/mfa-codes.js';
import { passkeyAuthentication, WebAuthn } from '../passkeys/webauthn.js';
import { LoginThrottle } from '../passwords/login-throttle.js';
import { PasswordConfirmation } from '../passwords/password-confirmation.js';
import { ConcurrentModificationError, retryOnConflict } from '../retry-on-conflict.js';
import { RecentAuthentication } from './recent-authentication.js';
import type { ReauthenticateBody, ReauthenticatedBody } from './reauthentication.dto.js';

/** What was proven, and whether it still holds for the locked row. */
interface Proof extends Pick<Authentication, 'amr' | 'acr'> {
  holds(user: User): boolean;
}

/** Confirms within a session that its user is present. */
@Injectable()
export class ReauthenticationService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly accessTokens: AccessTokens,
    private readonly throttle: LoginThrottle,
    private readonly passwords: PasswordConfirmation,
    private readonly codes: MfaCodes,
    private readonly webAuthn: WebAuthn,
    private readonly recent: RecentAuthentication,
    private readonly resets: MfaResets,
    private readonly audit: AuditService,
  ) {}

  /**
   * Moves the time of authentication of the session, and of the tokens it issues from here on.
   * @throws AppError `validation_failed` unless the body has one proof, `recent_sign_in_required` for the password of an account
   * with a second factor, `invalid_credentials`, `invalid_mfa_code`, `invalid_passkey`, `rate_limited`, `busy`
   */
  async reauthenticate(
    principal: Principal,
    body: ReauthenticateBody,
    context: RequestContext,
  ): Promise<ReauthenticatedBody> {
    requireOneProof(body);
    try {
      const { email } = await this.users.getOwn(principal.userId);
      const confirmed = await this.throttle.limitSignIns(email, context, () =>
        retryOnConflict(async (deadline) => {
          const proof = await this.prove(principal, body, context, deadline);
          return this.confirm(principal, proof, context);
        }),
      );
      authResults.inc({ action: 'reauthenticate', result: 'ok' });
      return confirmed;
    } catch (error) {
      if (error instanceof AppError) authResults.inc({ action: 'reauthenticate', result: error.type });
      throw error;
    }
  }

  private async prove(
    principal: Principal,
    { password, code, credential }: ReauthenticateBody,
    context: RequestContext,
    deadline: number,
  ): Promise<Proof> {
    if (code !== undefined) {
      await this.codes.consume(principal.userId, methodOf(code), code, context);
      return withFactor(principal, ['otp', 'mfa']);
    }
    if (credential) {
      const isOwn = (_: unknown, { userId }: { userId: string }) => userId === principal.userId;
      const passkey = await this.webAuthn.consumeAssertion(credential, 'authenticate', isOwn);
      return withFactor(principal, passkeyAuthentication(passkey).amr);
    }
    const user = await this.users.getOwn(principal.userId);
    // With a time of its own the password would make an old second factor look recent.
    if (user.mfaEnabled) throw await this.recent.refusal(user);
    await this.passwords.require(user, password!, context, deadline);
    return {
      ...PASSWORD_ONLY,
      holds: ({ passwordHash, mfaEnabled }) => passwordHash === user.passwordHash && !mfaEnabled,
    };
  }

  private confirm(principal: Principal, proof: Proof, context: RequestContext): Promise<ReauthenticatedBody> {
    return runInTransaction(this.database, async (tx) => {
      const user = await this.users.lockOwn(tx, principal);
      if (!proof.holds(user)) throw new ConcurrentModificationError();
      if (proof.acr === 'aal2') await this.resets.cancel(tx, user, context);
      const session = await this.sessions.confirm(tx, principal.sessionId, proof);
      const entry = { action: 'session.reauthenticated', actorId: user.id, targetId: user.id };
      await this.audit.record(tx, { ...entry, after: { amr: proof.amr } }, context);
      const { token, expiresIn } = this.accessTokens.sign(user, principal.sessionId, session.expiresIn, session);
      const issued = { access_token: token, token, token_type: 'Bearer', expires_in: expiresIn };
      return { ...issued, auth_time: session.authTime };
    });
  }
}

const withFactor = (principal: Principal, methods: readonly string[]): Proof => ({
  amr: [...new Set([...principal.amr, ...methods])],
  acr: 'aal2',
  holds: () => true,
});

function requireOneProof(body: ReauthenticateBody): void {
  if (Object.values(body).filter((value) => value !== undefined).length === 1) return;
  throw invalidField('password', 'required', 'one of password, code and credential is required');
}
