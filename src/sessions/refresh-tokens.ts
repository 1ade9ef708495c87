import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { deriveKey, mac, sameBytes } from '../crypto/tokens.js';

/** What a refresh token says once its signature holds. */
export interface RefreshClaim {
  sessionId: string;
  counter: number;
}

/** Session (16 bytes) and HMAC (32 bytes) in base64url, the counter between them in decimal digits. */
const FORM = /^([A-Za-z0-9_-]{22})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/;

/**
 * Refresh tokens are computed, not drawn: `<session>.<counter>.<HMAC-SHA-256>` under a key derived from the secret. Every
 * instance computes the same child for the same parent, so parallel and retried refreshes agree, and a forged token is
 * refused without a query.
 */
@Injectable()
export class RefreshTokens {
  private readonly keys: Buffer[];

  constructor(settings: Settings) {
    const { secret, previousSecret } = settings.jwt;
    const secrets = previousSecret ? [secret, previousSecret] : [secret];
    this.keys = secrets.map((value) => deriveKey(value, 'refresh-token'));
  }

  make(sessionId: string, counter: number): string {
    return this.spellings(sessionId, counter)[0]!;
  }

  /** The token of that session and count under each secret: the one of the current secret first. */
  spellings(sessionId: string, counter: number): string[] {
    const body = `${Buffer.from(sessionId.replaceAll('-', ''), 'hex').toString('base64url')}.${counter}`;
    return this.keys.map((key) => `${body}.${mac(key, body).toString('base64url')}`);
  }

  /** @returns null for anything this service did not sign */
  read(token: string): RefreshClaim | null {
    const match = FORM.exec(token);
    if (!match) return null;
    const [, session, counter, given] = match as unknown as [string, string, string, string];
    const signature = Buffer.from(given, 'base64url');
    const body = `${session}.${counter}`;
    if (!this.keys.some((key) => sameBytes(mac(key, body), signature))) return null;
    const hex = Buffer.from(session, 'base64url').toString('hex');
    const sessionId = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
      '-',
    );
    return { sessionId, counter: Number(counter) };
  }
}
