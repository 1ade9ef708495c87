import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EphemeralStore } from '../../redis/ephemeral.store.js';
import type { Provider } from '../../config/settings.auth.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';

/** Time to sign in at the provider. */
export const STATE_SECONDS = 600;

/** Each half of a browser's state. */
const HALF_BYTES = 16;

const STATE = /^[A-Za-z0-9_-]{43}$/;

/** A started sign-in, kept until the provider redirects back. */
export interface AuthorizationRequest {
  provider: Provider;
  /** The front end's address; null answers the callback in JSON. */
  redirectUri: string | null;
  /** PKCE towards the provider. */
  verifier: string | null;
  /** For the id token (OpenID Connect Core 1.0 §3.1.2.1). */
  nonce: string;
  /** PKCE of the client towards this service. */
  challenge: string | null;
  /** SHA-256 of the browser's secret; null if the client keeps the state itself, as the mobile app does. */
  browser: string | null;
}

/** The provider that the browser is sent to, and the address it returns to. */
export type RedirectTarget = Pick<AuthorizationRequest, 'provider' | 'redirectUri'>;

/** OAuth's `state` (RFC 6749 §10.12): valid once, for one provider and, in the redirect flow, for one browser. */
@Injectable()
export class OAuthStates {
  constructor(private readonly store: EphemeralStore) {}

  /** A browser's state contains a MAC of its target, which still finds the way back when the stored state is gone. */
  create(target: RedirectTarget, browserSecret: string | null): string {
    if (browserSecret === null) return randomToken();
    const random = randomBytes(HALF_BYTES);
    return Buffer.concat([random, targetMac(random, target, browserSecret)]).toString('base64url');
  }

  /** True if this browser created the state for this target. */
  isFor(target: RedirectTarget, state: unknown, browserSecrets: string[]): boolean {
    if (typeof state !== 'string' || !STATE.test(state)) return false;
    const bytes = Buffer.from(state, 'base64url');
    const expected = (secret: string) => targetMac(bytes.subarray(0, HALF_BYTES), target, secret);
    return browserSecrets.some((secret) => expected(secret).equals(bytes.subarray(HALF_BYTES)));
  }

  async save(
    state: string,
    signIn: Omit<AuthorizationRequest, 'browser'>,
    browserSecret: string | null,
  ): Promise<void> {
    const started: AuthorizationRequest = { ...signIn, browser: browserSecret && tokenHash(browserSecret) };
    await this.store.put(key(state), JSON.stringify(started), STATE_SECONDS);
  }

  /**
   * Uses the state up, even if it belongs to another browser.
   * @returns null if it is unknown, used, expired, or of another provider or browser
   */
  async consume(state: unknown, provider: Provider, browserSecrets: string[]): Promise<AuthorizationRequest | null> {
    if (typeof state !== 'string' || !STATE.test(state)) return null;
    const value = await this.store.consume(key(state));
    if (value === null) return null;
    const started = JSON.parse(value) as AuthorizationRequest;
    const { browser } = started;
    const bound = browser === null || browserSecrets.some((secret) => browser === tokenHash(secret));
    return started.provider === provider && bound ? started : null;
  }
}

/** Only the browser has the key: to others the whole state is random. */
function targetMac(random: Buffer, { provider, redirectUri }: RedirectTarget, browserSecret: string): Buffer {
  const message = JSON.stringify([random.toString('hex'), provider, redirectUri]);
  return createHmac('sha256', browserSecret).update(message).digest().subarray(0, HALF_BYTES);
}

function key(state: string): string {
  return `oauth:state:${state}`;
}
