import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EphemeralStore } from '../../redis/ephemeral.store.js';
import type { Provider } from '../../config/settings.auth.js';
import { randomToken, tokenHash } from '../../crypto/tokens.js';

/** Time a person has to sign in at the provider, seconds. */
export const STATE_SECONDS = 600;

/** Each half of a browser's state. */
const HALF_BYTES = 16;

const STATE = /^[A-Za-z0-9_-]{43}$/;

/** A sign-in that was started and waits for the provider's answer. */
export interface AuthorizationRequest {
  provider: Provider;
  /** Where the browser goes in the end; null answers it in JSON. */
  redirectUri: string | null;
  /** Worthless without the code that only the provider's answer carries, and without our client secret. */
  verifier: string | null;
  /** What the provider writes into the id token (OpenID Connect Core 1.0, §3.1.2.1). */
  nonce: string;
  /** PKCE of the client towards this service: what it shows in the end has to fit. */
  challenge: string | null;
  /** SHA-256 of the browser's secret; null where the client itself holds the state, as the mobile app does. */
  browser: string | null;
}

/** Where a browser's sign-in was started from and leads to. */
export type Course = Pick<AuthorizationRequest, 'provider' | 'redirectUri'>;

/** The `state` of OAuth 2.0 (RFC 6749, §10.12): for one use, one provider and, in the redirect flow, one browser. */
@Injectable()
export class OAuthStates {
  constructor(private readonly store: EphemeralStore) {}

  /** A browser's state carries a MAC of its course, so that the browser can be sent home when nothing is stored any more. */
  create(course: Course, browserSecret: string | null): string {
    if (browserSecret === null) return randomToken();
    const random = randomBytes(HALF_BYTES);
    return Buffer.concat([random, courseMac(random, course, browserSecret)]).toString('base64url');
  }

  /** True where one of the browser's secrets started the state on this course. */
  followsCourse(state: unknown, course: Course, browserSecrets: string[]): boolean {
    if (typeof state !== 'string' || !STATE.test(state)) return false;
    const bytes = Buffer.from(state, 'base64url');
    const expected = (secret: string) => courseMac(bytes.subarray(0, HALF_BYTES), course, secret);
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
   * Uses the state up, also where it turns out to belong to another browser.
   * @returns null for one that is unknown, used, expired, or of another provider or browser
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

/** The key is the browser's alone: to everybody else the whole state is random. */
function courseMac(random: Buffer, { provider, redirectUri }: Course, browserSecret: string): Buffer {
  const message = JSON.stringify([random.toString('hex'), provider, redirectUri]);
  return createHmac('sha256', browserSecret).update(message).digest().subarray(0, HALF_BYTES);
}

function key(state: string): string {
  return `oauth:state:${state}`;
}
