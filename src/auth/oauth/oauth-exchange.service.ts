import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { EphemeralStore } from '../../redis/ephemeral.store.js';
import { runInTransaction } from '../../database/transaction.js';
import { AppError } from '../../common/errors.js';
import type { RequestContext } from '../../common/http/request-context.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';
import type { IssuedSession } from '../../sessions/sessions.service.js';
import { UsersService } from '../../users/users.service.js';
import type { TokenBody } from '../auth.dto.js';
import { fitsChallenge } from './code-challenge.js';
import { OAuthAccounts, SignedInAccount } from './oauth-accounts.js';
import type { ExchangeBody } from './oauth.dto.js';
import { SignInService } from '../sign-in.service.js';

/** Time the front end has to come back with the code, seconds. */
const CODE_SECONDS = 60;

/** The last step of the redirect flow: a code that may stand in an address, for tokens that may not. */
@Injectable()
export class OAuthExchangeService {
  constructor(
    private readonly database: DataSource,
    private readonly store: EphemeralStore,
    private readonly accounts: OAuthAccounts,
    private readonly users: UsersService,
    private readonly signIn: SignInService,
    private readonly audit: AuditService,
  ) {}

  /** @param challenge that the verifier has to fit */
  async issue(identityId: string, challenge: string | null): Promise<string> {
    const code = randomToken();
    await this.store.put(key(code), [identityId, challenge].join(' ').trimEnd(), CODE_SECONDS);
    return code;
  }

  /** @throws AppError `invalid_code`, `account_disabled` */
  async exchange(body: ExchangeBody, context: RequestContext): Promise<TokenBody> {
    const [identityId, challenge = null] = (await this.store.consume(key(body.code)))?.split(' ') ?? [];
    if (!identityId || !fitsChallenge(challenge, body.code_verifier)) throw new AppError('invalid_code');
    const { user, session } = await runInTransaction(this.database, async (tx) => {
      const opened = await this.accounts.load(tx, identityId);
      if (!opened) throw new AppError('invalid_code');
      return { user: opened.user, session: await this.open(tx, opened, context, body.device_info) };
    });
    return this.signIn.toTokenResponse(user, session);
  }

  /** Opens the session of a user who has come in through a provider. */
  async open(
    tx: EntityManager,
    { user, identity: { provider } }: SignedInAccount,
    context: RequestContext,
    deviceInfo?: Record<string, unknown>,
  ): Promise<IssuedSession> {
    await this.users.recordLogin(tx, user);
    const entry = { action: 'session.opened', actorId: user.id, targetId: user.id, after: { provider } };
    await this.audit.record(tx, entry, context);
    return this.signIn.issueSession(tx, user, context, deviceInfo);
  }
}

/** Hashed: who reads the store must not be able to use what is in it. */
function key(code: string): string {
  return `oauth:exchange:${tokenHash(code)}`;
}
