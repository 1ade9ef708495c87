import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { countResult } from '../../common/logging/metrics.js';
import { runInTransaction } from '../../database/transaction.js';
import { tokenHash } from '../../crypto/tokens.js';
import { UsersService } from '../../users/users.service.js';
import type { TokenBody } from '../auth.dto.js';
import type { OptionsBody } from '../passkeys/passkeys.dto.js';
import { Passkeys } from '../passkeys/passkeys.js';
import { passkeyAuthentication, WebAuthn } from '../passkeys/webauthn.js';
import { RepeatedSignIns } from '../repeated-sign-ins.js';
import { SignInService } from '../sign-in.service.js';
import { MfaCodes } from './mfa-codes.js';
import { MfaTokens, PendingSignIn } from './mfa-tokens.js';
import type { VerifyMfaBody } from './mfa.dto.js';

/** The second step of a sign-in. */
@Injectable()
export class MfaSignInService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: MfaTokens,
    private readonly codes: MfaCodes,
    private readonly passkeys: Passkeys,
    private readonly webAuthn: WebAuthn,
    private readonly repeats: RepeatedSignIns,
    private readonly signIn: SignInService,
  ) {}

  /**
   * For the passkeys of the account.
   * @throws AppError `invalid_or_expired_token`, `bad_request` without a passkey
   */
  async options(mfaToken: string): Promise<OptionsBody> {
    const { userId } = await this.tokens.read(mfaToken);
    const passkeys = await this.passkeys.list(this.database.manager, userId);
    if (passkeys.length === 0) throw new AppError('bad_request', { message: 'The account has no passkey' });
    return { options: await this.webAuthn.requestOptions({ purpose: 'mfa', mfaToken: tokenHash(mfaToken) }, passkeys) };
  }

  /** @throws AppError `invalid_or_expired_token`, `invalid_mfa_code`, `invalid_passkey`, `account_disabled`, `rate_limited` */
  verify(body: VerifyMfaBody, context: RequestContext): Promise<TokenBody> {
    return this.repeats.run(body, context, () => countResult('mfa', this.attempt(body, context)));
  }

  private async attempt(body: VerifyMfaBody, context: RequestContext): Promise<TokenBody> {
    const pending = await this.tokens.read(body.mfa_token);
    try {
      const check = () => this.checkFactor(body, pending, context);
      const amr = await this.tokens.limitAttempts(body.mfa_token, check);
      await this.tokens.consume(body.mfa_token);
      return await this.openSession(body, pending, amr, context);
    } catch (error) {
      // Only the log of a refusal names the account.
      context.attemptedEmail ??= (await this.users.findById(pending.userId))?.email;
      throw error;
    }
  }

  private async checkFactor(body: VerifyMfaBody, { userId }: PendingSignIn, context: RequestContext) {
    const { method, code } = body;
    if (method === 'passkey') return this.checkPasskey(body, userId);
    await this.codes.consume(userId, method, code!, context);
    return ['otp', 'mfa'];
  }

  private async checkPasskey({ credential, mfa_token: mfaToken }: VerifyMfaBody, userId: string) {
    const passkey = await this.webAuthn.consumeAssertion(
      credential!,
      'mfa',
      (ceremony, { userId: owner }) => ceremony.mfaToken === tokenHash(mfaToken) && owner === userId,
    );
    return passkeyAuthentication(passkey).amr;
  }

  private async openSession(
    body: VerifyMfaBody,
    pending: PendingSignIn,
    amr: readonly string[],
    context: RequestContext,
  ) {
    const opened = await runInTransaction(this.database, async (tx) => {
      const user = await this.users.findAndLock(tx, pending.userId);
      if (user?.passwordGeneration !== pending.generation) throw new AppError('invalid_or_expired_token');
      if (!(await this.users.recordLogin(tx, user))) throw new AppError('account_disabled');
      const authentication = { amr: [...pending.amr, ...amr], acr: 'aal2' } as const;
      const signIn = { deviceInfo: body.device_info, authentication, by: { factor: body.method } };
      return { user, session: await this.signIn.openSession(tx, user, context, signIn) };
    });
    return this.signIn.toTokenResponse(opened.user, opened.session);
  }
}
