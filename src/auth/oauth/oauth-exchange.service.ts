import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { EphemeralStore } from '../../redis/ephemeral.store.js';
import { runInTransaction } from '../../database/transaction.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';
import type { IssuedSession } from '../../sessions/sessions.service.js';
import type { User } from '../../users/user.entity.js';
import { UsersService } from '../../users/users.service.js';
import { MfaTokens } from '../mfa/mfa-tokens.js';
import type { TokenBody } from '../auth.dto.js';
import type { MfaRequired, SignInBody } from '../mfa/mfa.dto.js';
import { fitsChallenge } from './code-challenge.js';
import { OAuthAccounts, SignedInAccount } from './oauth-accounts.js';
import type { ExchangeBody } from './oauth.dto.js';
import { RepeatedSignIns } from '../repeated-sign-ins.js';
import { SignInService } from '../sign-in.service.js';

/** RFC 8176 has no word for a sign-in at another party; `fed` is in wide use. */
export const FEDERATED = { amr: ['fed'], acr: 'aal1' } as const;

/** Lifetime of a code. */
const CODE_SECONDS = 60;

/** The last step of the redirect flow: exchanges a code, which may appear in a URL, for tokens, which must not. */
@Injectable()
export class OAuthExchangeService {
  constructor(
    private readonly database: DataSource,
    private readonly store: EphemeralStore,
    private readonly accounts: OAuthAccounts,
    private readonly users: UsersService,
    private readonly signIn: SignInService,
    private readonly mfaTokens: MfaTokens,
    private readonly repeats: RepeatedSignIns,
  ) {}

  async issueCode(identityId: string, challenge: string | null): Promise<string> {
    const code = randomToken();
    await this.store.put(key(code), [identityId, challenge].join(' ').trimEnd(), CODE_SECONDS);
    return code;
  }

  /** @throws AppError `invalid_code`, `account_disabled` */
  async exchange(body: ExchangeBody, context: RequestContext): Promise<SignInBody> {
    return { mfa_required: false, ...(await this.repeats.run(body, context, () => this.attempt(body, context))) };
  }

  private async attempt(body: ExchangeBody, context: RequestContext): Promise<TokenBody | MfaRequired> {
    const [identityId, challenge = null] = (await this.store.consume(key(body.code)))?.split(' ') ?? [];
    if (!identityId || !fitsChallenge(challenge, body.code_verifier)) throw new AppError('invalid_code');
    const { user, session } = await runInTransaction(this.database, async (tx) => {
      const signedIn = await this.accounts.load(tx, identityId);
      if (!signedIn) throw new AppError('invalid_code');
      return this.openSession(tx, signedIn, context, body.device_info);
    });
    if (!session) return this.mfaTokens.issue(user, FEDERATED.amr);
    return this.signIn.toTokenResponse(user, session);
  }

  /** @returns no session where the account has a second factor */
  async openSession(
    tx: EntityManager,
    { user, identity: { provider } }: SignedInAccount,
    context: RequestContext,
    deviceInfo?: Record<string, unknown>,
  ): Promise<{ user: User; session: IssuedSession | null }> {
    if (user.mfaEnabled) return { user, session: null };
    await this.users.recordLogin(tx, user);
    const signIn = { deviceInfo, authentication: FEDERATED, by: { provider } };
    return { user, session: await this.signIn.openSession(tx, user, context, signIn) };
  }
}

/** Hashed, so that a reader of the store cannot use the codes in it. */
function key(code: string): string {
  return `oauth:exchange:${tokenHash(code)}`;
}
