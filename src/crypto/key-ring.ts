import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { deriveKey, hmacSha256, equalInConstantTime } from './tokens.js';

/**
 * Keys for one purpose each, derived from every entry of `ENCRYPTION_KEYS` (HKDF-SHA-256, RFC 5869): the first one signs, all of
 * them verify, so a rotation of the list invalidates nothing. `JWT_SECRET` derives no key: the gateway holds it too.
 */
@Injectable()
export class KeyRing {
  private readonly derived = new Map<string, Buffer[]>();

  constructor(private readonly settings: Settings) {}

  /** 32 bytes each; the first one signs. */
  keys(purpose: string): readonly Buffer[] {
    const known = this.derived.get(purpose);
    if (known) return known;
    const keys = this.settings.encryptionKeys.map(({ key }) => deriveKey(key, purpose));
    this.derived.set(purpose, keys);
    return keys;
  }

  /** HMAC-SHA-256 of the message, 32 bytes. */
  sign(purpose: string, message: string): Buffer {
    return hmacSha256(this.keys(purpose)[0]!, message);
  }

  verify(purpose: string, message: string, signature: Buffer): boolean {
    return this.keys(purpose).some((key) => equalInConstantTime(hmacSha256(key, message), signature));
  }
}
