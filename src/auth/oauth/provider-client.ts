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
 * Talks to the providers through their Passport strategies. Not by way of a guard: the state is checked before the provider
 * is asked anything, and a start may be answered in JSON instead of a redirect.
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

  /** The provider's page that asks the person, and the PKCE verifier and the nonce that belong to it. */
  async authorization(provider: Provider, state: string): Promise<SignInSecrets & { url: string }> {
    const request: StrategyRequest = { query: { state }, verifier: null };
    const outcome = await this.run(provider, request);
    if (!('url' in outcome)) throw new Error('the strategy did not lead to the provider');
    const nonce = randomToken();
    const url = new URL(outcome.url);
    url.searchParams.set('nonce', nonce);
    return { url: url.href, verifier: request.verifier, nonce };
  }

  /**
   * Turns the code that the provider gave the browser into the account it stands for.
   * @throws AppError `oauth_failed` where the provider refuses the code, `provider_unavailable` where it is down, late or unclear
   */
  async account(
    provider: Provider,
    code: string,
    { verifier, nonce }: SignInSecrets,
    { requestId }: RequestContext,
  ): Promise<ProviderAccount> {
    try {
      const outcome = await this.run(provider, { query: { code }, verifier });
      if ('url' in outcome) throw new Error('the strategy did not read the code');
      const carried = nonceOf(outcome.idToken);
      if (carried !== undefined && carried !== nonce) throw new ProviderRefusal(200, 'nonce of another sign-in');
      return outcome.account;
    } catch (error) {
      const refused = error instanceof ProviderRefusal && error.final;
      const facts = { request_id: requestId, provider, reason: describe(error) };
      this.logger.warn(facts, 'the sign-in at the provider failed');
      throw new AppError(refused ? 'oauth_failed' : 'provider_unavailable');
    }
  }

  private run(provider: Provider, request: StrategyRequest): Promise<StrategyOutcome> {
    const strategy = this.strategies[provider];
    if (!strategy) throw new AppError('provider_not_configured');
    return runStrategy(strategy, request, AbortSignal.timeout(this.timeoutMs));
  }
}

/**
 * The nonce that an id token carries. Its signature is not checked: it came from the provider itself, over TLS (OpenID Connect
 * Core 1.0, §3.1.3.7, 6).
 */
function nonceOf(idToken: unknown): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(String(idToken).split('.')[1] ?? '', 'base64url').toString());
    return (claims as { nonce?: unknown } | null)?.nonce;
  } catch {
    return undefined;
  }
}

/** What kind of failure it was, without the provider's words: a JSON parser quotes what it could not read. */
function describe(error: unknown): string {
  if (!(error instanceof Error) || error instanceof SyntaxError) return 'unreadable answer';
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return [error.name, error.message, typeof code === 'string' ? code : ''].filter(Boolean).join(' ');
}
