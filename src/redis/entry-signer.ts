import { Injectable } from '@nestjs/common';
import { KeyRing } from '../crypto/key-ring.js';

/** 32 bytes in base64url, and the space after it. */
const MAC_CHARS = 44;
const PURPOSE = 'redis-entry';

export interface SignedValue {
  value: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/**
 * Authenticates entries of Redis as `<MAC> <expiry> <value>`. The MAC covers the key, so that an entry cannot be moved to
 * another one, and the expiry, so that it cannot be replayed later.
 */
@Injectable()
export class EntrySigner {
  constructor(private readonly ring: KeyRing) {}

  /** @param expiresAt milliseconds since 1970 */
  sign(key: string, value: string, expiresAt: number): string {
    const body = `${Math.ceil(expiresAt)} ${value}`;
    return `${this.ring.sign(PURPOSE, `${key}\n${body}`).toString('base64url')} ${body}`;
  }

  /** @returns null if the MAC is wrong for this key; the caller checks the expiry */
  decode(key: string, entry: string): SignedValue | null {
    const valueStart = entry.indexOf(' ', MAC_CHARS) + 1;
    const mac = Buffer.from(entry.slice(0, MAC_CHARS), 'base64url');
    if (valueStart === 0 || !this.ring.verify(PURPOSE, `${key}\n${entry.slice(MAC_CHARS)}`, mac)) return null;
    return { value: entry.slice(valueStart), expiresAt: Number(entry.slice(MAC_CHARS, valueStart - 1)) };
  }

  /** @returns the value; null if the MAC is wrong for this key or the entry has expired */
  verify(key: string, entry: string): string | null {
    const signed = this.decode(key, entry);
    return signed && signed.expiresAt > Date.now() ? signed.value : null;
  }
}
