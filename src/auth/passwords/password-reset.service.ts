import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import { hashOwner } from '../../rate-limit/ip-prefix.js';
import { runInTransaction } from '../../database/transaction.js';
import { toNfc } from '../../common/dto/text.js';
import { AppError } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { PasswordHasher } from '../../crypto/password-hasher.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { passwordResetMail } from '../../mail/messages.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { MfaCodes } from '../mfa/mfa-codes.js';
import { WebAuthn } from '../passkeys/webauthn.js';
import type { ResetPasswordBody } from './password.dto.js';
import { PasswordUpdater } from './password-updater.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import { PasswordRules } from './password-rules.js';

/** Forgotten passwords: mails a link, and sets a new password by it. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly codes: MfaCodes,
    private readonly webAuthn: WebAuthn,
    private readonly rules: PasswordRules,
    private readonly hasher: PasswordHasher,
    private readonly newPassword: PasswordUpdater,
    private readonly limits: RateLimits,
    private readonly mails: MailQueue,
    private readonly audit: AuditService,
  ) {
    mails.handle('password_reset', (tx, body, context) => this.sendLink(tx, body, context));
  }

  /**
   * Looks the account up after the answer, so that neither the answer nor its time reveals whether there is one.
   * @throws AppError `rate_limited` by client and address, with or without an account, `busy`
   */
  async request(email: string, context: RequestContext): Promise<void> {
    if (await this.limits.allowsMail('resetMail', context, email))
      await this.mails.request('password_reset', { email }, context);
  }

  /**
   * Looks a link up without using it.
   * @throws AppError `invalid_or_expired_token`
   */
  async describe(token: string): Promise<{ owner: User; used: boolean; needsCode: boolean }> {
    const { owner, used } = await this.tokens.find(token, 'password_reset');
    return { owner, used, needsCode: needsRecoveryCode(owner) };
  }

  /**
   * A refused password, recovery code or passkey does not use the token up. The same request can be repeated without effect.
   * @throws AppError `invalid_or_expired_token`, `weak_password`, `invalid_mfa_code`, `invalid_passkey`,
   * `rate_limited`, `busy`
   */
  async reset(body: ResetPasswordBody, context: RequestContext): Promise<void> {
    const { token, password, recovery_code: code, credential } = body;
    const { owner, used } = await this.tokens.find(token, 'password_reset');
    const passwordHash = used ? null : await this.hash(password, owner, context);
    const byPasskey = credential !== undefined && needsRecoveryCode(owner);
    if (byPasskey)
      await this.webAuthn.consumeAssertion(credential, 'authenticate', (_, passkey) => passkey.userId === owner.id);
    else if (needsRecoveryCode(owner) && code === undefined)
      throw new AppError('invalid_mfa_code', { message: 'This account needs a recovery code too' });
    const attempt = () =>
      runInTransaction(this.database, async (tx) => {
        const held = await this.users.findAndLock(tx, owner.id);
        const needsCode = held && !byPasskey && needsRecoveryCode(held);
        if (needsCode && !(await this.codes.isRight(tx, held.id, 'recovery_code', code ?? '', context))) return null;
        // In NFC, because browsers differ in how they spell accents.
        const consumed = await this.tokens.consume(tx, owner, token, 'password_reset', toNfc(password));
        if (consumed.use === 'first') await this.newPassword.reset(tx, consumed.user, passwordHash!, context);
        return consumed.use;
      });
    const use = code === undefined || byPasskey ? await attempt() : await this.codes.check(owner.id, context, attempt);
    if (use === null) throw new AppError('invalid_mfa_code');
    // Thrown after the commit, which saves the count of mismatches.
    if (use === 'refused') throw new AppError('invalid_or_expired_token');
    authResults.inc({ action: 'password_reset', result: 'ok' });
  }

  private async hash(password: string, owner: User, context: RequestContext): Promise<string> {
    await this.rules.check(password, owner);
    return this.hasher.hash(password, hashOwner(context, owner.email));
  }

  private async sendLink(tx: EntityManager, { email }: { email: string }, context: RequestContext): Promise<void> {
    const user = await this.users.lockByEmail(tx, email);
    if (!user?.isActive) return;
    await this.audit.record(tx, { action: 'password.reset_requested', actorId: null, targetId: user.id }, context);
    const link = await this.tokens.issueLink(tx, user.id, 'password_reset');
    await this.mails.add(tx, passwordResetMail(user, link));
  }
}

/** A mailbox alone must not open an account whose only credential is a passkey of its owner. */
function needsRecoveryCode({ passkeyStatus, passwordHash, oauthProvider }: User): boolean {
  return passkeyStatus === 'proven' && passwordHash === null && oauthProvider === null;
}
