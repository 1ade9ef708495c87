import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import type { RequestContext } from '../../common/http/request-context.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import { randomToken } from '../../crypto/tokens.js';
import type { AuthorizationRequest } from './oauth-states.js';
import type { ProviderAccount } from './provider-account.js';
import { ProviderRefusal } from './provider-request.js';
import {
  GoogleStrategy,
  LinkedinStrategy,
  runStrategy,
  StrategyOutcome,
  StrategyRequest,
} from './provider.strategy.js';

type SignInSecrets = Pick<AuthorizationRequest, 'verifier' | 'nonce'>;

/**
 * Calls the providers through their Passport strategies. Not through a Passport guard: the state is checked before the
 * provider is called, and a start can be answered in JSON instead of a redirect.
 */
@Injectable()
export class ProviderClient {
  private readonly strategies: Record<Provider, GoogleStrategy | LinkedinStrategy | null>;
  private readonly timeoutMs: number;

  constructor(
    { oauth }: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.strategies = {
      google: oauth.google && new GoogleStrategy(oauth.google),
      linkedin: oauth.linkedin && new LinkedinStrategy(oauth.linkedin),
    };
    this.timeoutMs = oauth.timeoutMs;
  }

  /** @throws AppError `provider_not_configured` */
  requireConfigured(provider: Provider): void {
    if (!this.strategies[provider]) throw new AppError('provider_not_configured');
  }

  /** The URL of the provider's consent page, with its PKCE verifier and nonce. */
  async startAuthorization(provider: Provider, state: string): Promise<SignInSecrets & { url: string }> {
    const request: StrategyRequest = { query: { state }, verifier: null };
    const outcome = await this.runStrategy(provider, request);
    if (!('url' in outcome)) throw new Error('the strategy did not redirect to the provider');
    const nonce = randomToken();
    const url = new URL(outcome.url);
    url.searchParams.set('nonce', nonce);
    return { url: url.href, verifier: request.verifier, nonce };
  }

  /**
   * Exchanges the provider's code for the account.
   * @throws AppError `oauth_failed` if the provider refuses the code, `provider_unavailable` if it fails, times out or answers
   * nonsense
   */
  async fetchAccount(
    provider: Provider,
    code: string,
    { verifier, nonce }: SignInSecrets,
    { requestId }: RequestContext,
  ): Promise<ProviderAccount> {
    try {
      const outcome = await this.runStrategy(provider, { query: { code }, verifier });
      if ('url' in outcome) throw new Error('the strategy did not read the code');
      const idTokenNonce = nonceOf(outcome.idToken);
      if (idTokenNonce !== undefined && idTokenNonce !== nonce)
        throw new ProviderRefusal(200, 'nonce of another sign-in');
      return outcome.account;
    } catch (error) {
      const refused = error instanceof ProviderRefusal && error.final;
      const facts = { request_id: requestId, provider, reason: describeError(error) };
      this.logger.warn(facts, 'the sign-in at the provider failed');
      throw new AppError(refused ? 'oauth_failed' : 'provider_unavailable');
    }
  }

  private runStrategy(provider: Provider, request: StrategyRequest): Promise<StrategyOutcome> {
    const strategy = this.strategies[provider];
    if (!strategy) throw new AppError('provider_not_configured');
    return runStrategy(strategy, request, AbortSignal.timeout(this.timeoutMs));
  }
}

/**
 * The nonce of an id token. Its signature is not checked: the token came from the provider over TLS (OpenID Connect Core 1.0
 * §3.1.3.7, item 6).
 */
function nonceOf(idToken: unknown): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(String(idToken).split('.')[1] ?? '', 'base64url').toString());
    return (claims as { nonce?: unknown } | null)?.nonce;
  } catch {
    return undefined;
  }
}

/** Names the failure without quoting the provider, as a JSON parser's message would. */
function describeError(error: unknown): string {
  if (!(error instanceof Error) || error instanceof SyntaxError) return 'unreadable answer';
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return [error.name, error.message, typeof code === 'string' ? code : ''].filter(Boolean).join(' ');
}
