import { Injectable } from '@nestjs/common';
import { KeyRing } from '../crypto/key-ring.js';

/** About a kilobyte each. */
const MAX_VERIFIED_ENTRIES = 5000;
/** 32 bytes in base64url, and the space after it. */
const MAC_CHARS = 44;
const PURPOSE = 'redis-entry';

/**
 * Authenticates entries of Redis as `<MAC> <expiry> <value>`. The MAC covers the key, so that an entry cannot be moved to
 * another one, and the expiry, so that it cannot be replayed later.
 */
@Injectable()
export class EntrySigner {
  // Entries are read again and again, and comparing strings costs a tenth of the MAC.
  private readonly verified = new Map<string, string>();

  constructor(private readonly ring: KeyRing) {}

  /** @param expiresAt milliseconds since 1970 */
  sign(key: string, value: string, expiresAt: number): string {
    const body = `${Math.ceil(expiresAt)} ${value}`;
    return `${this.ring.sign(PURPOSE, `${key}\n${body}`).toString('base64url')} ${body}`;
  }

  /** @returns the value; null if the MAC is wrong for this key or the entry has expired */
  verify(key: string, entry: string, now = Date.now()): string | null {
    const valueStart = entry.indexOf(' ', MAC_CHARS) + 1;
    if (valueStart === 0 || !(Number(entry.slice(MAC_CHARS, valueStart - 1)) > now)) return null;
    if (this.verified.get(key) !== entry && !this.verifyMac(key, entry)) return null;
    return entry.slice(valueStart);
  }

  private verifyMac(key: string, entry: string): boolean {
    const given = Buffer.from(entry.slice(0, MAC_CHARS), 'base64url');
    if (!this.ring.verify(PURPOSE, `${key}\n${entry.slice(MAC_CHARS)}`, given)) return false;
    this.verified.set(key, entry);
    if (this.verified.size > MAX_VERIFIED_ENTRIES) this.verified.delete(this.verified.keys().next().value!);
    return true;
  }
}
