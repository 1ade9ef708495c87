import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors.js';
import type { Provider } from '../config/settings.secrets.js';
import { Settings } from '../config/settings.js';
import { randomToken } from '../crypto/tokens.js';
import { OAuthStates } from './oauth-states.js';
import { ProviderClient } from './provider-client.js';

@Injectable()
export class OAuthStartService {
  constructor(
    private readonly settings: Settings,
    private readonly client: ProviderClient,
    private readonly states: OAuthStates,
  ) {}

  /**
   * @param markBrowser gives the browser a secret to show at the callback; null for a client that keeps the state itself
   * @throws AppError `redirect_not_allowed`, before anything else is looked at, and `provider_not_configured`
   */
  async start(provider: Provider, redirectUri: unknown, markBrowser: (() => string) | null) {
    const allowed = this.allowed(redirectUri);
    this.client.requireConfigured(provider);
    const state = randomToken();
    const { url, verifier } = await this.client.authorization(provider, state);
    await this.states.keep(state, { provider, redirectUri: allowed, verifier }, markBrowser && markBrowser());
    return { auth_url: url, state };
  }

  /** Character for character: whatever tries to understand an address can be talked round. */
  private allowed(redirectUri: unknown): string | null {
    if (redirectUri === undefined) return null;
    const entry = this.settings.oauth.redirectAllowlist.find((allowed) => allowed === redirectUri);
    if (entry === undefined) throw new AppError('redirect_not_allowed');
    return entry;
  }
}
