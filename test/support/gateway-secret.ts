import { deriveKey, hmacSha256 } from '../../src/crypto/tokens.js';

/** The refresh token that earlier releases made of JWT_SECRET, so that everybody who holds the secret can make it too. */
export function oldRuleToken(secret: string, sessionId: string, counter: number): string {
  const body = `${Buffer.from(sessionId.replaceAll('-', ''), 'hex').toString('base64url')}.${counter}`;
  return `${body}.${hmacSha256(deriveKey(secret, 'refresh-token'), body).toString('base64url')}`;
}
