import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { RequestContext } from '../../common/http/request-context.js';
import { countResult } from '../../common/logging/metrics.js';
import { Settings } from '../../config/settings.js';
import { runInTransaction } from '../../database/transaction.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import type { TokenBody } from '../auth.dto.js';
import { EmailVerificationService } from '../email/email-verification.service.js';
import { LoginThrottle } from '../passwords/login-throttle.js';
import { RepeatedSignIns } from '../repeated-sign-ins.js';
import { SignInService } from '../sign-in.service.js';
import type { OptionsBody, PasskeyLoginBody } from './passkeys.dto.js';
import { Passkeys, PasskeyUse } from './passkeys.js';
import { passkeyAuthentication, WebAuthn } from './webauthn.js';

/** Sign-in with a passkey alone. */
@Injectable()
export class PasskeySignInService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly passkeys: Passkeys,
    private readonly webAuthn: WebAuthn,
    private readonly verification: EmailVerificationService,
    private readonly repeats: RepeatedSignIns,
    private readonly signIn: SignInService,
    private readonly throttle: LoginThrottle,
    private readonly settings: Settings,
  ) {}

  /** The same for everyone: the browser offers the passkeys that it knows. */
  async options(): Promise<OptionsBody> {
    return { options: await this.webAuthn.requestOptions({ purpose: 'authenticate' }) };
  }

  /**
   * Answers alike for an unknown passkey and for that of a disabled or unconfirmed account.
   * @throws AppError `invalid_passkey`, `rate_limited`
   */
  login(body: PasskeyLoginBody, context: RequestContext): Promise<TokenBody> {
    return this.repeats.run(body, context, () => countResult('passkey', this.attempt(body, context)));
  }

  private async attempt(body: PasskeyLoginBody, context: RequestContext): Promise<TokenBody> {
    const use = await this.webAuthn.verifyAssertion(body.credential, 'authenticate');
    const owner = await this.users.findById(use.passkey.userId);
    if (!owner) throw this.webAuthn.refused();
    context.attemptedEmail = owner.email;
    if (owner.isActive && this.isUnconfirmed(owner)) await this.verification.resendAfterSignIn(owner.email, context);
    return this.throttle.limitSignIns(owner.email, context, () => this.openSession(use, body, context));
  }

  private async openSession(use: PasskeyUse, body: PasskeyLoginBody, context: RequestContext): Promise<TokenBody> {
    const opened = await runInTransaction(this.database, async (tx) => {
      const user = await this.users.findAndLock(tx, use.passkey.userId);
      // Under the lock: a passkey that was removed since it was read must not sign in.
      if (!user?.isActive || this.isUnconfirmed(user) || !(await this.passkeys.recordUse(use, tx)))
        throw this.webAuthn.refused();
      await this.users.recordLogin(tx, user);
      const authentication = passkeyAuthentication(use.passkey);
      const signIn = { deviceInfo: body.device_info, authentication, by: { factor: 'passkey' } };
      return { user, session: await this.signIn.openSession(tx, user, context, signIn) };
    });
    return this.signIn.toTokenResponse(opened.user, opened.session);
  }

  private isUnconfirmed({ isVerified }: User): boolean {
    return this.settings.requireEmailVerification && !isVerified;
  }
}
