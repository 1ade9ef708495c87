import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { RateLimits } from '../../rate-limit/rate-limits.js';
import { runInTransaction } from '../../database/transaction.js';
import { mailboxOf } from '../../common/dto/email-address.js';
import { AppError } from '../../common/errors.js';
import { authResults } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { verificationMail } from '../../mail/messages.js';
import { hasUnprovenCredential, hasUnprovenPassword, newPasswordCounts } from '../../users/password-proof.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { ConcurrentModificationError, retryOnConflict } from '../retry-on-conflict.js';
import { PasswordConfirmation } from '../passwords/password-confirmation.js';
import type { Passkey } from '../passkeys/passkey.entity.js';
import { WebAuthn } from '../passkeys/webauthn.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import { AddressChangeService } from './address-change.service.js';
import type { VerifyEmailBody } from '../passwords/password.dto.js';

/** Links that the owner of an address proves it by. */
const PURPOSES = ['email_verification', 'email_change'] as const;

/** Confirms e-mail addresses by mailed links. */
@Injectable()
export class EmailVerificationService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: OneTimeTokens,
    private readonly limits: RateLimits,
    private readonly mails: MailQueue,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
    private readonly passwords: PasswordConfirmation,
    private readonly changes: AddressChangeService,
    private readonly webAuthn: WebAuthn,
  ) {
    mails.handle('email_verification', (tx, body) => this.sendAgain(tx, body));
  }

  async sendLink(tx: EntityManager, user: User): Promise<void> {
    const link = await this.tokens.issueLink(tx, user.id, 'email_verification', { email: user.email });
    await this.mails.add(tx, verificationMail(user, link));
  }

  /**
   * Mails another link if an account needs one. The account is looked up after the answer, so that the time reveals nothing.
   * @throws AppError `rate_limited` by client and address, with or without an account, `busy`
   */
  async resend(email: string, context: RequestContext): Promise<void> {
    if (await this.limits.allowsMail('verificationMail', context, email))
      await this.mails.request('email_verification', { email }, context);
  }

  async resendAfterSignIn(email: string, context: RequestContext): Promise<void> {
    const allowed = !this.limits.enabled || (await this.limits.consume('verificationMail', [mailboxOf(email)])).allowed;
    if (allowed) this.mails.requestLater('email_verification', { email }, context);
  }

  /**
   * Looks a link up without using it.
   * @throws AppError `invalid_or_expired_token`
   */
  async describe(token: string): Promise<{ owner: User; email: string; used: boolean }> {
    const { owner, token: row, used } = await this.tokens.find(token, ...PURPOSES);
    return { owner, email: row.email ?? owner.email, used };
  }

  /**
   * The link proves access to the mailbox. Only the right password or passkey, or a session of the account, also proves that the same
   * person created the account; until then its password or passkey is unproven. A link that was used can still add this proof. The link of
   * a new address replaces the former one.
   * @param userId of the request's session
   * @returns whether the link had been used before
   * @throws AppError `invalid_or_expired_token`, `invalid_credentials`, `invalid_passkey`, `email_taken`, `rate_limited`, `busy`
   */
  async verify(link: VerifyEmailBody, userId: string | null, context: RequestContext): Promise<boolean> {
    // Once for all attempts: a challenge is valid once.
    let passkey: Promise<Passkey> | undefined;
    const provePasskey = ({ id }: User, credential: Record<string, unknown>) =>
      (passkey ??= this.webAuthn.consumeAssertion(credential, 'authenticate', (_, { userId: owner }) => owner === id));
    const repeated = await retryOnConflict((deadline) => this.attempt(link, userId, provePasskey, context, deadline));
    authResults.inc({ action: 'email_verification', result: 'ok' });
    return repeated;
  }

  private async attempt(
    { token, password, credential }: VerifyEmailBody,
    userId: string | null,
    provePasskey: (owner: User, credential: Record<string, unknown>) => Promise<Passkey>,
    context: RequestContext,
    deadline: number,
  ): Promise<boolean> {
    const { owner, token: link } = await this.tokens.find(token, ...PURPOSES);
    const isChange = link.purpose === 'email_change';
    const hasSession = userId === owner.id;
    const hasToProve = hasUnprovenPassword(owner) || (isChange && owner.passwordHash !== null);
    const byPasskey = owner.passkeyStatus === 'unproven' && credential !== undefined;
    const proves = hasSession ? hasToProve || hasUnprovenCredential(owner) : byPasskey || (hasToProve && !!password);
    if (proves && !hasSession) {
      if (byPasskey) await provePasskey(owner, credential);
      else await this.requirePassword(owner, password!, context, deadline);
    }
    return runInTransaction(this.database, async (tx) => {
      const { user, use } = await this.tokens.consume(tx, owner, token, link.purpose);
      const isUnchanged = user.passwordHash === owner.passwordHash && user.passkeyStatus === owner.passkeyStatus;
      if (proves && !isUnchanged) throw new ConcurrentModificationError();
      if (use === 'first' && isChange)
        await this.changes.changeAddress(tx, user, link.email!, { actorId: user.id, verifiedAt: new Date() }, context);
      else if (use === 'first') await this.tokens.revokeAllOf(tx, user.id, 'email_verification');
      // The address may have been changed since the link was used, which proves nothing about another one.
      if (link.email === null || link.email === user.email) await this.write(tx, user, proves, context);
      return use !== 'first';
    });
  }

  private async write(tx: EntityManager, user: User, proves: boolean, context: RequestContext): Promise<void> {
    const entry = { actorId: user.id, targetId: user.id };
    if (!user.isVerified) {
      // Starts new counts of wrong passwords: until now right ones were refused and counted.
      const verified = { isVerified: true, emailVerifiedAt: new Date() };
      await this.users.change(tx, user, { ...verified, ...newPasswordCounts(user) });
      await this.outbox.add(tx, userUpdated(user.id, ['is_verified']), context);
      await this.audit.record(tx, { ...entry, action: 'email.verified' }, context);
    }
    if (!proves || !hasUnprovenCredential(user)) return;
    const action = hasUnprovenPassword(user) ? 'password.proven' : 'passkey.proven';
    await this.users.change(tx, user, {
      ...(user.passwordHash !== null && { passwordProvenAt: new Date() }),
      ...(user.passkeyStatus !== null && { passkeyStatus: 'proven' }),
    });
    await this.audit.record(tx, { ...entry, action }, context);
  }

  private async requirePassword(owner: User, password: string, context: RequestContext, deadline: number) {
    if (await this.passwords.matches(owner, password, context, deadline, false)) return;
    authResults.inc({ action: 'email_verification', result: 'invalid_credentials' });
    throw new AppError('invalid_credentials');
  }

  private async sendAgain(tx: EntityManager, { email }: { email: string }): Promise<void> {
    const user = await this.users.lockByEmail(tx, email);
    if (user?.isActive && !user.isVerified) await this.sendLink(tx, user);
  }
}
