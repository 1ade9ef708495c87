import type { FastifyReply } from 'fastify';
import { randomToken } from '../crypto/tokens.js';
import { STATE_SECONDS } from './oauth-states.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/**
 * Knows the browser that started a sign-in by a cookie: without it, somebody could start one, stop before the end and have
 * another person's browser finish it, which would then be signed in as them (RFC 6749, §10.12).
 */
export class OAuthBrowser {
  private readonly name: string;
  private readonly attributes: string;

  constructor(publicBaseUrl: string) {
    const secure = publicBaseUrl.startsWith('https:');
    // The prefix keeps sub-domains and plain HTTP from setting it (RFC 6265bis, §4.1.3); it demands Secure and this path.
    this.name = secure ? '__Host-oauth' : 'oauth';
    this.attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${STATE_SECONDS}${secure ? '; Secure' : ''}`;
  }

  /** The browser's secret, or null where it has none. */
  recognise(cookies: string | undefined): string | null {
    const pairs = (cookies ?? '').split(';').map((pair) => pair.trim().split('='));
    const value = pairs.find(([name]) => name === this.name)?.[1];
    return value !== undefined && SECRET.test(value) ? value : null;
  }

  /** Gives the browser a secret. One that it has is kept: sign-ins started in two tabs both work. */
  mark(reply: FastifyReply, cookies: string | undefined): string {
    const secret = this.recognise(cookies) ?? randomToken();
    void reply.header('set-cookie', `${this.name}=${secret}; ${this.attributes}`);
    return secret;
  }
}
