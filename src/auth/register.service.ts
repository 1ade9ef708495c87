import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { hashOwner } from '../rate-limit/ip-prefix.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import { runInTransaction } from '../database/transaction.js';
import { mailboxOf } from '../common/dto/email-address.js';
import { authResults } from '../common/logging/metrics.js';
import type { RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { PasswordHasher } from '../crypto/password-hasher.js';
import { OutboxService } from '../events/outbox.service.js';
import { credentialChanged } from '../events/security-events.js';
import { userCreated } from '../events/user-events.js';
import { PreferencesService } from '../preferences/preferences.service.js';
import { localeOf } from '../mail/locales/locales.js';
import { MailQueue } from '../mail/mail-queue.js';
import { alreadyRegisteredMail } from '../mail/messages.js';
import { isReserved } from '../users/emails/former-emails.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { RegisterBody, TokenBody } from './auth.dto.js';
import { credentialTypeOf } from './mfa/factors.js';
import { RecoveryCodes } from './mfa/recovery-codes.js';
import type { PasskeySignUpBody } from './passkeys/passkeys.dto.js';
import { NewPasskey, Passkeys } from './passkeys/passkeys.js';
import { passkeyAuthentication } from './passkeys/webauthn.js';
import { EmailVerificationService } from './email/email-verification.service.js';
import { OneTimeTokens } from '../users/links/one-time-tokens.js';
import { PasswordRules } from './passwords/password-rules.js';
import { SignInService } from './sign-in.service.js';

interface NewAccount extends Pick<User, 'email' | 'name'> {
  passwordHash?: string;
  /** Of an account with a passkey, which contains it. */
  id?: string;
  passkey?: NewPasskey;
  lastLogin?: Date;
}

/** A registration that is answered before it is known whether the address is taken. */
interface Registration extends NewAccount {
  /** Whether the owner of a taken address may get another mail. */
  mayNotify: boolean;
}

@Injectable()
export class RegisterService {
  constructor(
    private readonly database: DataSource,
    private readonly settings: Settings,
    private readonly users: UsersService,
    private readonly preferences: PreferencesService,
    private readonly rules: PasswordRules,
    private readonly hasher: PasswordHasher,
    private readonly verification: EmailVerificationService,
    private readonly tokens: OneTimeTokens,
    private readonly limits: RateLimits,
    private readonly mails: MailQueue,
    private readonly signIn: SignInService,
    private readonly passkeys: Passkeys,
    private readonly codes: RecoveryCodes,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {
    mails.handle('registration', (tx, body, context) => this.createOrNotify(tx, body, context));
  }

  /**
   * @returns null if the address must be confirmed first; the answer is then the same for a taken address
   * @throws AppError `weak_password`, `email_taken`, `busy`
   */
  async register(body: RegisterBody, context: RequestContext): Promise<TokenBody | null> {
    await this.rules.check(body.password, body);
    const passwordHash = await this.hasher.hash(body.password, hashOwner(context, body.email));
    const account = { email: body.email, name: body.name, passwordHash };
    const created = await this.createAccount(account, body.device_info, context);
    return created && created.tokens;
  }

  /**
   * Like `register`, with recovery codes, because the account can be reset only with one of them.
   * @throws AppError `email_taken`, `invalid_code`, `busy`
   */
  async registerByPasskey(
    account: NewAccount & { passkey: NewPasskey },
    deviceInfo: Record<string, unknown> | undefined,
    context: RequestContext,
  ): Promise<PasskeySignUpBody | null> {
    const created = await this.createAccount(account, deviceInfo, context);
    return created && { ...created.tokens, recovery_codes: created.codes };
  }

  private async createAccount(
    account: NewAccount,
    deviceInfo: Record<string, unknown> | undefined,
    context: RequestContext,
  ): Promise<{ tokens: TokenBody; codes: string[] } | null> {
    if (this.settings.requireEmailVerification) return this.requestAccount(account, context);
    const authentication = account.passkey && passkeyAuthentication(account.passkey);
    const { user, session, codes } = await runInTransaction(this.database, async (tx) => {
      const created = await this.create(tx, { ...account, lastLogin: new Date() }, context);
      return {
        user: created,
        session: await this.signIn.issueSession(tx, created, context, deviceInfo, authentication),
        codes: account.passkey ? await this.codes.replace(tx, created.id) : [],
      };
    });
    authResults.inc({ action: 'register', result: 'ok' });
    return { tokens: this.signIn.toTokenResponse(user, session), codes };
  }

  private async requestAccount(account: NewAccount, context: RequestContext): Promise<null> {
    const { enabled } = this.limits;
    const mailbox = mailboxOf(account.email);
    const mayNotify = !enabled || (await this.limits.consume('alreadyRegisteredMail', [mailbox])).allowed;
    await this.mails.request('registration', { ...account, mayNotify } satisfies Registration, context);
    authResults.inc({ action: 'register', result: 'ok' });
    return null;
  }

  private async createOrNotify(tx: EntityManager, registration: Registration, context: RequestContext): Promise<void> {
    const owner = await this.users.lockByEmail(tx, registration.email);
    // A registration of the same address at the same moment fails here; the retry finds its account.
    if (!owner && (await isReserved(tx, registration.email, null))) return;
    if (!owner) return void (await this.create(tx, registration, context));
    await this.audit.record(tx, { action: 'user.registered_again', actorId: null, targetId: owner.id }, context);
    if (!owner.isActive || !registration.mayNotify) return;
    // A reset link, not a confirmation link, because a reset evicts a squatter.
    const link = await this.tokens.issueLink(tx, owner.id, 'password_reset');
    await this.mails.add(tx, alreadyRegisteredMail(owner, link));
  }

  private async create(
    tx: EntityManager,
    { id, email, name, passwordHash, passkey, lastLogin }: NewAccount,
    context: RequestContext,
  ): Promise<User> {
    const locale = localeOf(context.acceptLanguage);
    const passkeyState = passkey && { id, mfaEnabled: true, passkeyStatus: 'unproven' as const };
    const user = await this.users.create(tx, { email, name, passwordHash, lastLogin, locale, ...passkeyState });
    if (passkey) {
      await this.passkeys.add(tx, user.id, passkey, 'Passkey');
      await this.outbox.addSecurity(tx, user.id, [credentialChanged(credentialTypeOf(passkey), 'create')]);
    }
    await this.preferences.createDefaults(tx, user.id);
    await this.outbox.add(tx, userCreated(user), context);
    await this.audit.record(tx, { action: 'user.registered', actorId: user.id, targetId: user.id }, context);
    await this.verification.sendLink(tx, user);
    return user;
  }
}
