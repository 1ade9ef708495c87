import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { EncryptionKey } from '../config/settings.auth.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A stored value did not decrypt: moved to another row or field, altered, or under a key that is not configured. */
export class DecryptionError extends Error {}

/**
 * Encrypts single columns with AES-256-GCM (NIST SP 800-38D). The key is derived per row by HKDF-SHA-256 (RFC 5869) over the
 * user's id, and the field's name is authenticated, so a ciphertext only opens in the row and column it was made for.
 * Stored form: `<key id>.<base64url of nonce, tag, ciphertext>`.
 */
export class FieldCipher {
  private readonly keys: Map<string, Buffer>;
  readonly currentKeyId: string;

  /** @param keys the first one encrypts, all of them decrypt */
  constructor(keys: readonly EncryptionKey[]) {
    if (!keys[0]) throw new Error('FieldCipher needs a key');
    this.currentKeyId = keys[0].kid;
    this.keys = new Map(keys.map(({ kid, key }) => [kid, key]));
  }

  encrypt(userId: string, field: string, clear: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.rowKey(this.currentKeyId, userId), nonce);
    cipher.setAAD(Buffer.from(field));
    const body = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]);
    return `${this.currentKeyId}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')}`;
  }

  /** @throws DecryptionError */
  decrypt(userId: string, field: string, stored: string): string {
    const dot = stored.indexOf('.');
    const raw = Buffer.from(stored.slice(dot + 1), 'base64url');
    if (dot < 1 || raw.length < NONCE_BYTES + TAG_BYTES) throw new DecryptionError('not a ciphertext');
    const decipher = createDecipheriv(
      'aes-256-gcm',
      this.rowKey(stored.slice(0, dot), userId),
      raw.subarray(0, NONCE_BYTES),
      { authTagLength: TAG_BYTES },
    );
    decipher.setAAD(Buffer.from(field));
    decipher.setAuthTag(raw.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      return decipher.update(raw.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw new DecryptionError('the ciphertext does not belong here or was altered');
    }
  }

  private rowKey(kid: string, userId: string): Buffer {
    const key = this.keys.get(kid);
    if (!key) throw new DecryptionError('the key of this ciphertext is not configured');
    return Buffer.from(hkdfSync('sha256', key, '', `user-field:${userId}`, 32));
  }
}
