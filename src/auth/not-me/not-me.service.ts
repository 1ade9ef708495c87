import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { runInTransaction } from '../../database/transaction.js';
import { OutboxService } from '../../events/outbox.service.js';
import { userUpdated } from '../../events/user-events.js';
import { MailQueue } from '../../mail/mail-queue.js';
import { passwordResetMail } from '../../mail/messages.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { IdentitiesService, mirrorOf } from '../../users/identities/identities.service.js';
import type { OneTimeToken } from '../../users/links/one-time-token.entity.js';
import { OneTimeTokens } from '../../users/links/one-time-tokens.js';
import { newPasswordCounts } from '../../users/password-proof.js';
import { changedFields } from '../../users/profile.dto.js';
import type { User } from '../../users/user.entity.js';
import { UserEmails } from '../../users/emails/user-emails.js';
import { UsersService } from '../../users/users.service.js';
import { MfaResets } from '../mfa/mfa-resets.js';
import { Factors } from '../mfa/factors.js';
import { methodOf, MfaCodes } from '../mfa/mfa-codes.js';
import type { MfaMethod } from '../mfa/mfa.dto.js';
import { WebAuthn } from '../passkeys/webauthn.js';
import type { NotMeBody } from './not-me.dto.js';

/**
 * How much a link may undo. `lost`: none of the factors from before the event is left, so a reader of the mailbox can prove no
 * more. Sessions and the password end; factors and the address stay.
 */
type Proof = 'none' | 'required' | 'lost';

export interface NotMe {
  owner: User;
  used: boolean;
  /** The address that the link restores; null if it is still the account's. */
  restores: string | null;
  /** Factors that prove the user; empty if none is needed. */
  methods: MfaMethod[];
}

/** Secures an account after a security event that its user did not cause, by the link of the notice. */
@Injectable()
export class NotMeService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly emails: UserEmails,
    private readonly tokens: OneTimeTokens,
    private readonly factors: Factors,
    private readonly codes: MfaCodes,
    private readonly webAuthn: WebAuthn,
    private readonly resets: MfaResets,
    private readonly identities: IdentitiesService,
    private readonly sessions: SessionsService,
    private readonly mails: MailQueue,
    private readonly outbox: OutboxService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Looks a link up without using it.
   * @throws AppError `invalid_or_expired_token`
   */
  async describe(token: string): Promise<NotMe> {
    const { owner, token: link, used } = await this.tokens.find(token, 'not_me');
    const methods = used ? [] : await this.methodsFor(this.database.manager, link);
    const restores = link.email === owner.email || (link.needsFactor && methods.length === 0) ? null : link.email;
    return { owner, used, restores, methods };
  }

  /**
   * Ends all sessions, removes the password and mails a link to set one, removes what was added to the account since the event and restores
   * its address. A repeated request changes nothing.
   * @param body code or passkey of a factor from before the event
   * @throws AppError `invalid_or_expired_token`, `mfa_required`, `invalid_mfa_code`, `invalid_passkey`, `rate_limited`, `email_taken`
   */
  async report({ token, code, credential }: NotMeBody, context: RequestContext): Promise<void> {
    const { owner, token: link, used } = await this.tokens.find(token, 'not_me');
    if (used) return;
    // Without a proof: this only keeps the factors.
    if (owner.mfaResetAt)
      await runInTransaction(this.database, async (tx) =>
        this.resets.cancel(tx, await this.users.lock(tx, owner.id), context),
      );
    const methods = await this.methodsFor(this.database.manager, link);
    const needsFactor = methods.length > 0;
    if (needsFactor && !code && !credential) throw new AppError('mfa_required', { beside: { methods } });
    const byPasskey = needsFactor && credential !== undefined;
    if (byPasskey)
      await this.webAuthn.consumeAssertion(
        credential,
        'authenticate',
        (_, passkey) => passkey.userId === owner.id && passkey.createdAt < link.createdAt,
      );
    const proof = byPasskey ? null : (code ?? '');
    const attempt = () => runInTransaction(this.database, (tx) => this.attempt(tx, link, token, proof, context));
    const result = needsFactor && !byPasskey ? await this.codes.check(owner.id, context, attempt) : await attempt();
    if (result === null) throw new AppError('invalid_mfa_code');
  }

  /** @param code null: a passkey was the proof. @returns null for a wrong code, whose count the transaction commits */
  private async attempt(
    tx: EntityManager,
    link: OneTimeToken,
    token: string,
    code: string | null,
    context: RequestContext,
  ): Promise<true | null> {
    const owner = await this.users.lock(tx, link.userId);
    const methods = await this.methodsFor(tx, link);
    const proof: Proof = !link.needsFactor ? 'none' : methods.length > 0 ? 'required' : 'lost';
    if (proof === 'required' && code !== null) {
      const right = await this.codes.isRight(tx, owner.id, methodOf(code), code, context, link.createdAt);
      if (!right) return null;
    }
    const { user, use } = await this.tokens.consume(tx, owner, token, 'not_me');
    if (use === 'first') await this.secure(tx, user, link, proof, context);
    return true;
  }

  private async methodsFor(tx: EntityManager, { needsFactor, userId, createdAt }: OneTimeToken): Promise<MfaMethod[]> {
    return needsFactor ? this.factors.methodsOf(tx, userId, createdAt) : [];
  }

  private async secure(tx: EntityManager, user: User, link: OneTimeToken, proof: Proof, context: RequestContext) {
    const ended = await this.sessions.revokeAllOf(tx, user.id, 'not_me');
    if (proof !== 'lost') await this.factors.removeSince(tx, user, link.createdAt, context);
    const before = { ...user };
    await this.users.change(tx, user, {
      passwordHash: null,
      passwordProvenAt: null,
      ...newPasswordCounts(user),
      ...(proof === 'lost' ? {} : await this.unlinkSince(tx, user, link.createdAt)),
    });
    if (proof !== 'lost') await this.emails.restore(tx, user, link.email!);
    await this.tokens.revokeAllOf(tx, user.id, 'password_reset', 'email_verification', 'email_change');
    if (proof !== 'lost') await this.tokens.revokeLater(tx, link);
    const fields = changedFields(before, user);
    if (fields.length > 0) await this.outbox.add(tx, userUpdated(user.id, fields), context);
    const after = { sessions: ended.length, updated_fields: fields };
    await this.audit.record(tx, { action: 'account.reported', actorId: user.id, targetId: user.id, after }, context);
    if (before.passwordHash === null) return;
    const resetLink = await this.tokens.issueLink(tx, user.id, 'password_reset');
    await this.mails.add(tx, passwordResetMail(user, resetLink));
  }

  /** @returns the columns that mirror the first identity that is left */
  private async unlinkSince(tx: EntityManager, user: User, since: Date): Promise<Partial<User>> {
    await this.identities.remove(tx, user.id, since);
    return mirrorOf((await this.identities.listOf(user.id, tx))[0]);
  }
}
