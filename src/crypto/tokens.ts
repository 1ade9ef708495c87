import { createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** A random token of 256 bits, base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256, hex. A slow hash would add nothing to 256 random bits. */
export function tokenHash(token: string): string {
  return hash('sha256', token, 'hex');
}

/** A 256-bit key for one purpose (HKDF-SHA-256, RFC 5869), so that no two features share a key. */
export function deriveKey(secret: string | Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32));
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmacSha256(key: Buffer, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/** Compares in constant time; false where the lengths differ. */
export function equalInConstantTime(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
