import { deriveKey, hmacSha256 } from '../../src/crypto/tokens.js';

/** The refresh token of earlier releases, which JWT_SECRET alone signs. */
export function oldRuleToken(secret: string, sessionId: string, counter: number): string {
  const body = `${Buffer.from(sessionId.replaceAll('-', ''), 'hex').toString('base64url')}.${counter}`;
  return `${body}.${hmacSha256(deriveKey(secret, 'refresh-token'), body).toString('base64url')}`;
}
