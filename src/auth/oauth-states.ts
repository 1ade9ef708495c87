import { Injectable } from '@nestjs/common';
import { EphemeralStore } from '../cache/ephemeral-store.js';
import type { Provider } from '../config/settings.secrets.js';
import { tokenHash } from '../crypto/tokens.js';

/** Time a person has to sign in at the provider, seconds. */
export const STATE_SECONDS = 600;

const STATE = /^[A-Za-z0-9_-]{43}$/;

/** A sign-in that was started and waits for the provider's answer. */
export interface StartedSignIn {
  provider: Provider;
  /** Where the browser goes in the end; null answers it in JSON. */
  redirectUri: string | null;
  /** Worthless without the code that only the provider's answer carries, and without our client secret. */
  verifier: string | null;
  /** SHA-256 of the browser's secret; null where the client itself holds the state, as the mobile app does. */
  browser: string | null;
}

/** The `state` of OAuth 2.0 (RFC 6749, §10.12): for one use, one provider and, in the redirect flow, one browser. */
@Injectable()
export class OAuthStates {
  constructor(private readonly store: EphemeralStore) {}

  async keep(state: string, signIn: Omit<StartedSignIn, 'browser'>, browserSecret: string | null): Promise<void> {
    const started: StartedSignIn = { ...signIn, browser: browserSecret && tokenHash(browserSecret) };
    await this.store.put(key(state), JSON.stringify(started), STATE_SECONDS);
  }

  /**
   * Uses the state up, also where it turns out to be somebody else's.
   * @returns null for one that is unknown, used, expired, or of another provider or browser
   */
  async take(state: unknown, provider: Provider, browserSecret: string | null): Promise<StartedSignIn | null> {
    if (typeof state !== 'string' || !STATE.test(state)) return null;
    const value = await this.store.take(key(state));
    if (value === null) return null;
    const started = JSON.parse(value) as StartedSignIn;
    const bound = started.browser === null || (browserSecret !== null && started.browser === tokenHash(browserSecret));
    return started.provider === provider && bound ? started : null;
  }
}

function key(state: string): string {
  return `oauth:state:${state}`;
}
