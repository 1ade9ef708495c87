import { Injectable } from '@nestjs/common';
import { KeyRing } from '../crypto/key-ring.js';

/** Entries that are remembered as genuine, about a kilobyte each. */
const MAX_VERIFIED_ENTRIES = 5000;
/** A MAC of 32 bytes in base64url, and the space behind it. */
const MAC_CHARS = 44;
const PURPOSE = 'redis-entry';

/**
 * Authenticates what stands in Redis: `<MAC> <end> <value>`. The MAC covers the key, so an entry cannot be moved to another
 * one, and the end, so it cannot be put back for longer than it was made for.
 */
@Injectable()
export class EntrySigner {
  // The same entry is read again and again, and comparing texts costs a tenth of the MAC.
  private readonly verified = new Map<string, string>();

  constructor(private readonly ring: KeyRing) {}

  /** @param ends milliseconds since 1970 */
  sign(key: string, value: string, ends: number): string {
    const body = `${Math.ceil(ends)} ${value}`;
    return `${this.ring.sign(PURPOSE, `${key}\n${body}`).toString('base64url')} ${body}`;
  }

  /** @returns the value; null where this service did not write the entry under this key, or its time is over */
  open(key: string, entry: string, now = Date.now()): string | null {
    const valueStart = entry.indexOf(' ', MAC_CHARS) + 1;
    if (valueStart === 0 || !(Number(entry.slice(MAC_CHARS, valueStart - 1)) > now)) return null;
    if (this.verified.get(key) !== entry && !this.verify(key, entry)) return null;
    return entry.slice(valueStart);
  }

  private verify(key: string, entry: string): boolean {
    const given = Buffer.from(entry.slice(0, MAC_CHARS), 'base64url');
    if (!this.ring.verify(PURPOSE, `${key}\n${entry.slice(MAC_CHARS)}`, given)) return false;
    this.verified.set(key, entry);
    if (this.verified.size > MAX_VERIFIED_ENTRIES) this.verified.delete(this.verified.keys().next().value!);
    return true;
  }
}
