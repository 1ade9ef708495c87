import { createHash, createPublicKey, KeyObject } from 'node:crypto';

/** A public key of ES256 as it stands in a JWK Set (RFC 7517). */
export interface PublicJwk {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  /** Thumbprint of the key (RFC 7638). */
  kid: string;
  use: 'sig';
  alg: 'ES256';
}

/** @param key private or public, on the curve P-256 */
export function toPublicJwk(key: KeyObject): PublicJwk {
  const { x, y } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' }) as Pick<
    PublicJwk,
    'x' | 'y'
  >;
  // The members in the order that RFC 7638 §3.2 prescribes, without spaces.
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
  return { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256' };
}
