import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply } from 'fastify';
import { randomToken } from '../../crypto/tokens.js';
import { STATE_SECONDS } from './oauth-states.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** Secrets that are looked at; a browser has one, and a few more where several tabs started at the same moment. */
const MAX_SECRET_ENTRIES = 10;

/**
 * Knows the browser that started a sign-in by a cookie: without it, an attacker could start one, stop before the end and have
 * the victim's browser finish it, which would then be signed in as the attacker (RFC 9700, §4.7).
 */
export class OAuthStateCookie {
  private readonly secure: boolean;
  private readonly prefix: string;

  constructor(publicBaseUrl: string) {
    this.secure = publicBaseUrl.startsWith('https:');
    // The prefix keeps sub-domains and plain HTTP from setting it (RFC 6265bis, §4.1.3); it demands Secure and this path.
    this.prefix = this.secure ? '__Host-oauth' : 'oauth';
  }

  /** The browser's secrets; none where it has not started a sign-in. */
  recognise(cookies: string | undefined): string[] {
    return this.ours(cookies).map(([, secret]) => secret);
  }

  /**
   * Gives the browser a secret, or keeps the one it has. Each new one has a name of its own: of two tabs that start at the
   * same moment, neither may overwrite the other's.
   */
  mark(reply: FastifyReply, cookies: string | undefined): string {
    const [name, secret] = this.ours(cookies)[0] ?? [`${this.prefix}-${randomToken().slice(0, 8)}`, randomToken()];
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

  private ours(cookies = ''): [name: string, secret: string][] {
    return Object.entries(parseCookie(cookies))
      .filter((pair): pair is [string, string] => pair[0].startsWith(this.prefix) && SECRET.test(pair[1] ?? ''))
      .slice(0, MAX_SECRET_ENTRIES);
  }
}
