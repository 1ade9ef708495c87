import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors.js';
import type { Provider } from '../../config/settings.auth.js';
import { Settings } from '../../config/settings.js';
import { readChallenge } from './code-challenge.js';
import { OAuthStates } from './oauth-states.js';
import { ProviderClient } from './provider-client.js';

/** What a client may ask for in the query of a start. */
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
   * @param markBrowser gives the browser a secret to show at the callback; null for a client that keeps the state itself
   * @throws AppError `redirect_not_allowed`, before anything else is looked at, `validation_failed`, `provider_not_configured`
   */
  async start(provider: Provider, options: StartOptions, markBrowser: (() => string) | null) {
    const course = { provider, redirectUri: this.allowed(options.redirectUri) };
    const challenge = readChallenge(options.challenge);
    this.client.requireConfigured(provider);
    const browserSecret = markBrowser && markBrowser();
    const state = this.states.create(course, browserSecret);
    const { url, ...secrets } = await this.client.authorization(provider, state);
    await this.states.save(state, { ...course, ...secrets, challenge }, browserSecret);
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
