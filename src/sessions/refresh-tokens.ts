import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { KeyRing } from '../crypto/key-ring.js';
import { deriveKey, hmacSha256, equalInConstantTime, tokenHash } from '../crypto/tokens.js';

/** The content of a verified refresh token. */
export interface RefreshClaim {
  sessionId: string;
  counter: number;
  /** Signed with `JWT_SECRET`, as by earlier releases. The gateway can sign such tokens too, so alone it proves nothing. */
  legacy: boolean;
}

/** Session (16 bytes) and HMAC (32 bytes) in base64url, the counter between them in decimal digits. */
const FORM = /^([A-Za-z0-9_-]{22})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/;
const PURPOSE = 'refresh-token';

/**
 * Refresh tokens are deterministic: `<session>.<counter>.<HMAC-SHA-256>`, with a key derived from `ENCRYPTION_KEYS`. So
 * parallel and retried refreshes get the same successor from every instance, and a forged token is refused without a query.
 */
@Injectable()
export class RefreshTokens {
  private readonly keys: { key: Buffer; legacy: boolean }[];

  constructor({ jwt: { secret, previousSecret, binding } }: Settings, ring: KeyRing) {
    const secrets = previousSecret ? [secret, previousSecret] : [secret];
    const keys = ring.keys(PURPOSE).map((key) => ({ key, legacy: false }));
    const legacy = secrets.map((value) => ({ key: deriveKey(value, PURPOSE), legacy: true }));
    this.keys = binding === 'accept' ? [...legacy, ...keys] : [...keys, ...legacy];
  }

  make(sessionId: string, counter: number): string {
    return signed(bodyOf(sessionId, counter), this.keys[0]!.key);
  }

  /** Recomputes a token from its hash with each key; null if the key is unknown. */
  find(sessionId: string, counter: number, hash: string): { token: string; legacy: boolean } | null {
    const body = bodyOf(sessionId, counter);
    const candidates = this.keys.map(({ key, legacy }) => ({ token: signed(body, key), legacy }));
    return candidates.find(({ token }) => tokenHash(token) === hash) ?? null;
  }

  /** @returns null if this service did not sign it */
  verify(token: string): RefreshClaim | null {
    const match = FORM.exec(token);
    if (!match) return null;
    const [, session, counter, given] = match as unknown as [string, string, string, string];
    const signature = Buffer.from(given, 'base64url');
    const signer = this.keys.find(({ key }) =>
      equalInConstantTime(hmacSha256(key, `${session}.${counter}`), signature),
    );
    if (!signer) return null;
    const hex = Buffer.from(session, 'base64url').toString('hex');
    const sessionId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    return { sessionId, counter: Number(counter), legacy: signer.legacy };
  }
}

function bodyOf(sessionId: string, counter: number): string {
  return `${Buffer.from(sessionId.replaceAll('-', ''), 'hex').toString('base64url')}.${counter}`;
}

function signed(body: string, key: Buffer): string {
  return `${body}.${hmacSha256(key, body).toString('base64url')}`;
}
