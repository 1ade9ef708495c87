import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { authResults } from '../../common/logging/metrics.js';
import { runInTransaction } from '../../database/transaction.js';
import { UsersService } from '../../users/users.service.js';
import type { TokenBody } from '../auth.dto.js';
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
    private readonly signIn: SignInService,
    private readonly audit: AuditService,
  ) {}

  /** @throws AppError `invalid_or_expired_token`, `invalid_mfa_code`, `account_disabled`, `rate_limited` */
  async verify(body: VerifyMfaBody, context: RequestContext): Promise<TokenBody> {
    const pending = await this.tokens.read(body.mfa_token);
    const amr = await this.checkFactor(body, pending, context).catch(async (error: unknown) => {
      const type = error instanceof AppError ? error.type : 'internal_error';
      authResults.inc({ action: 'mfa', result: type });
      if (type === 'invalid_mfa_code') await this.tokens.countFailure(body.mfa_token);
      throw error;
    });
    await this.tokens.consume(body.mfa_token);
    const opened = await this.openSession(body, pending, amr, context);
    authResults.inc({ action: 'mfa', result: 'ok' });
    return opened;
  }

  private async checkFactor(body: VerifyMfaBody, { userId }: PendingSignIn, context: RequestContext) {
    const { method, code } = body;
    if (method === 'passkey') throw new AppError('invalid_mfa_code');
    await this.codes.consume(userId, method, code!, context);
    return ['otp', 'mfa'];
  }

  private async openSession(body: VerifyMfaBody, pending: PendingSignIn, amr: string[], context: RequestContext) {
    const opened = await runInTransaction(this.database, async (tx) => {
      const user = await this.users.findAndLock(tx, pending.userId);
      if (user?.passwordGeneration !== pending.generation) throw new AppError('invalid_or_expired_token');
      if (!(await this.users.recordLogin(tx, user))) throw new AppError('account_disabled');
      const entry = { action: 'session.opened', actorId: user.id, targetId: user.id, after: { factor: body.method } };
      await this.audit.record(tx, entry, context);
      const authentication = { amr: [...pending.amr, ...amr], acr: 'aal2' } as const;
      return { user, session: await this.signIn.issueSession(tx, user, context, body.device_info, authentication) };
    });
    return this.signIn.toTokenResponse(opened.user, opened.session);
  }
}
