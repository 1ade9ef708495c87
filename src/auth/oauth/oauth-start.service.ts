import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import { readChallenge } from './code-challenge.js';
import { OAuthStates } from './oauth-states.js';
import { ProviderClient } from './provider-client.js';

/** The query of a start, unchecked. */
export interface StartOptions {
  redirectUri: unknown;
  challenge: unknown;
}

@Injectable()
export class OAuthStartService {
  constructor(
    private readonly settings: Settings,
    private readonly client: ProviderClient,
    private readonly states: OAuthStates,
  ) {}

  /**
   * @param setBrowserSecret sets the cookie that the callback requires; null for a client that keeps the state itself
   * @throws AppError `redirect_not_allowed`, `validation_failed`, `provider_not_configured`
   */
  async start(provider: Provider, options: StartOptions, setBrowserSecret: (() => string) | null) {
    const { redirectUri, challenge } = this.check(provider, options);
    const target = { provider, redirectUri };
    const browserSecret = setBrowserSecret && setBrowserSecret();
    const state = this.states.create(target, browserSecret);
    const { url, ...secrets } = await this.client.startAuthorization(provider, state);
    await this.states.save(state, { ...target, ...secrets, challenge }, browserSecret);
    return { auth_url: url, state };
  }

  /**
   * Checks a start without creating anything.
   * @throws AppError `redirect_not_allowed`, `validation_failed`, `provider_not_configured`
   */
  check(provider: Provider, options: StartOptions) {
    const checked = {
      redirectUri: this.requireAllowed(options.redirectUri),
      challenge: readChallenge(options.challenge),
    };
    this.client.requireConfigured(provider);
    return checked;
  }

  /** Compares exact strings (RFC 9700 §4.1.3): a URL parser can be tricked. */
  private requireAllowed(redirectUri: unknown): string | null {
    if (redirectUri === undefined) return null;
    const entry = this.settings.oauth.redirectAllowlist.find((allowed) => allowed === redirectUri);
    if (entry === undefined) throw new AppError('redirect_not_allowed');
    return entry;
  }
}
