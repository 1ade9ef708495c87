import { Injectable } from '@nestjs/common';
import { AppError, ErrorType } from '../../common/errors.js';
import { countResult } from '../../common/logging/metrics.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import type { TokenBody } from '../auth.dto.js';
import { MfaTokens } from '../mfa/mfa-tokens.js';
import { fitsChallenge } from './code-challenge.js';
import { OAuthAccounts } from './oauth-accounts.js';
import { FEDERATED, OAuthExchangeService } from './oauth-exchange.service.js';
import { OAuthStates, AuthorizationRequest } from './oauth-states.js';
import type { ProviderAccount } from './provider-account.js';
import { ProviderClient } from './provider-client.js';
import { SignInService } from '../sign-in.service.js';

/** What the provider's redirect carried (RFC 6749 §4.1.2), as the browser or the app passes it on. */
export interface CallbackParams {
  provider: Provider;
  code?: unknown;
  state?: unknown;
  error?: unknown;
  /** From the browser's cookies. */
  browserSecrets: string[];
}

/** Values of `error` for a person who declined; LinkedIn has its own. */
const DENIALS = new Set<unknown>(['access_denied', 'user_cancelled_login', 'user_cancelled_authorize']);
const OUTAGES = new Set<unknown>(['server_error', 'temporarily_unavailable']);

@Injectable()
export class OAuthCallbackService {
  constructor(
    private readonly settings: Settings,
    private readonly states: OAuthStates,
    private readonly client: ProviderClient,
    private readonly accounts: OAuthAccounts,
    private readonly exchange: OAuthExchangeService,
    private readonly signIn: SignInService,
    private readonly mfaTokens: MfaTokens,
  ) {}

  /**
   * Finishes the sign-in of an app, which keeps the state and, if the start had a challenge, the verifier.
   * @throws AppError `provider_not_configured`, `invalid_state`, `oauth_denied`, `oauth_failed`, `provider_unavailable` and
   * those of `OAuthAccounts`
   */
  async finish(params: CallbackParams, codeVerifier: string | undefined, context: RequestContext): Promise<TokenBody> {
    const found = await this.consumeState(params);
    const request = found && fitsChallenge(found.challenge, codeVerifier) ? found : null;
    return countResult('oauth', this.issueTokens(params, request, context));
  }

  /** @returns tokens; if the start named a `redirect_uri`, its URL with a code or an error type */
  async finishInBrowser(params: CallbackParams, context: RequestContext): Promise<TokenBody | { location: string }> {
    const found = await this.consumeState(params);
    const request = found && mayFinishInBrowser(found) ? found : null;
    const redirectUri = request ? request.redirectUri : this.redirectUriOf(params);
    if (!redirectUri) return countResult('oauth', this.issueTokens(params, request, context));
    const result = await this.issueCodeOrError(params, request, context);
    const url = new URL(redirectUri);
    const parameters = { provider: params.provider, state: String(params.state), ...result };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { location: url.href };
  }

  private consumeState({ provider, state, browserSecrets }: CallbackParams): Promise<AuthorizationRequest | null> {
    this.client.requireConfigured(provider);
    return this.states.consume(state, provider, browserSecrets);
  }

  /** The `redirect_uri` of a state that is used or expired, for a reloaded page or a second tab. */
  private redirectUriOf({ provider, state, browserSecrets }: CallbackParams): string | undefined {
    return this.settings.oauth.redirectAllowlist.find((redirectUri) =>
      this.states.isFor({ provider, redirectUri }, state, browserSecrets),
    );
  }

  private async issueTokens(
    params: CallbackParams,
    request: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<TokenBody> {
    const account = await this.fetchAccount(params, request, context);
    const { user, session } = await this.accounts.signIn(account, context, (tx, signedIn) =>
      this.exchange.openSession(tx, signedIn, context),
    );
    if (session) return this.signIn.toTokenResponse(user, session);
    // The mobile app takes every 2xx for tokens.
    const { mfa_token, expires_in, methods } = await this.mfaTokens.issue(user, FEDERATED.amr);
    throw new AppError('mfa_required', { beside: { mfa_token, expires_in, methods } });
  }

  private async issueCodeOrError(
    params: CallbackParams,
    request: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<{ code: string } | { error: ErrorType }> {
    try {
      return { code: await countResult('oauth', this.issueCode(params, request, context)) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // The answer is a redirect, which no error filter sees.
      context.refusal = error;
      return { error: error.type };
    }
  }

  /** The session is opened by the exchange: the code may never be used. */
  private async issueCode(
    params: CallbackParams,
    request: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<string> {
    const account = await this.fetchAccount(params, request, context);
    const identityId = await this.accounts.signIn(account, context, async (_, { identity }) => identity.id);
    return this.exchange.issueCode(identityId, request!.challenge);
  }

  private async fetchAccount(
    { provider, code, error }: CallbackParams,
    request: AuthorizationRequest | null,
    context: RequestContext,
  ): Promise<ProviderAccount> {
    // Checked before the state: a denial has no effect, and a provider may send it without one.
    if (DENIALS.has(error)) throw new AppError('oauth_denied');
    if (!request) throw new AppError('invalid_state');
    if (OUTAGES.has(error)) throw new AppError('provider_unavailable');
    if (error !== undefined || typeof code !== 'string' || code === '') throw new AppError('oauth_failed');
    return this.client.fetchAccount(provider, code, request, context);
  }
}

/**
 * A sign-in that no browser started may only be finished by the client that can prove it started it: otherwise an attacker's
 * link would sign its reader in as the attacker (RFC 9700 §4.7).
 */
function mayFinishInBrowser({ browser, redirectUri, challenge }: AuthorizationRequest): boolean {
  if (redirectUri === null) return browser !== null && challenge === null;
  return browser !== null || challenge !== null;
}
