import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply } from 'fastify';
import { randomToken } from '../../crypto/tokens.js';
import { STATE_SECONDS } from './oauth-states.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** Cookies that are read; a browser has one, and more only if several tabs started at once. */
const MAX_SECRET_ENTRIES = 10;

/**
 * Binds a sign-in to the browser that started it. Without it an attacker could have a victim's browser finish the attacker's
 * sign-in (login CSRF, RFC 9700 §4.7).
 */
export class OAuthStateCookie {
  private readonly secure: boolean;
  private readonly prefix: string;

  constructor(publicBaseUrl: string) {
    this.secure = publicBaseUrl.startsWith('https:');
    // The prefix keeps sub-domains and plain HTTP from setting it (RFC 6265bis, §4.1.3); it requires Secure and Path=/.
    this.prefix = this.secure ? '__Host-oauth' : 'oauth';
  }

  /** Empty if the browser has not started a sign-in. */
  readSecrets(cookies: string | undefined): string[] {
    return this.readCookies(cookies).map(([, secret]) => secret);
  }

  /**
   * Sets a secret, or renews the one that the browser has. Each cookie has its own name, so that two tabs starting at once do
   * not overwrite each other's.
   */
  setSecret(reply: FastifyReply, cookies: string | undefined): string {
    const [name, secret] = this.readCookies(cookies)[0] ?? [
      `${this.prefix}-${randomToken().slice(0, 8)}`,
      randomToken(),
    ];
    const attributes = {
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      maxAge: STATE_SECONDS,
      secure: this.secure,
    } as const;
    void reply.header('set-cookie', stringifySetCookie(name, secret, attributes));
    return secret;
  }

  private readCookies(cookies = ''): [name: string, secret: string][] {
    return Object.entries(parseCookie(cookies))
      .filter((pair): pair is [string, string] => pair[0].startsWith(this.prefix) && SECRET.test(pair[1] ?? ''))
      .slice(0, MAX_SECRET_ENTRIES);
  }
}
