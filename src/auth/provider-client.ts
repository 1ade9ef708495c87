import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import type { Logger } from '../common/logger.js';
import { LOGGER } from '../common/logger.module.js';
import type { RequestContext } from '../common/request-context.js';
import type { Provider } from '../config/settings.secrets.js';
import { Settings } from '../config/settings.js';
import type { ProviderAccount } from './provider-account.js';
import { ProviderRefusal } from './provider-request.js';
import {
  GoogleStrategy,
  LinkedinStrategy,
  runStrategy,
  StrategyOutcome,
  StrategyRequest,
} from './provider-strategies.js';

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

  /** The provider's page that asks the person, and the PKCE verifier that belongs to it. */
  async authorization(provider: Provider, state: string): Promise<{ url: string; verifier: string | null }> {
    const request: StrategyRequest = { query: { state }, verifier: null };
    const outcome = await this.run(provider, request);
    if (!('url' in outcome)) throw new Error('the strategy did not lead to the provider');
    return { url: outcome.url, verifier: request.verifier };
  }

  /**
   * Turns the code that the provider gave the browser into the account it stands for.
   * @throws AppError `oauth_failed` where the provider refuses the code, `provider_unavailable` where it is down, late or unclear
   */
  async account(
    provider: Provider,
    code: string,
    verifier: string | null,
    { requestId }: RequestContext,
  ): Promise<ProviderAccount> {
    try {
      const outcome = await this.run(provider, { query: { code }, verifier });
      if ('account' in outcome) return outcome.account;
      throw new Error('the strategy did not read the code');
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

/** What kind of failure it was, without the provider's words: a JSON parser quotes what it could not read. */
function describe(error: unknown): string {
  if (!(error instanceof Error) || error instanceof SyntaxError) return 'unreadable answer';
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return [error.name, error.message, typeof code === 'string' ? code : ''].filter(Boolean).join(' ');
}
