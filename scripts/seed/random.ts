import { hash } from 'node:crypto';

/** Seeded random numbers (sfc32): the same text gives the same sequence, independent of other sequences. */
export class Random {
  private readonly state: Uint32Array;

  constructor(text: string) {
    const digest = hash('sha256', text, 'buffer');
    this.state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.state;
    const result = (s[0]! + s[1]! + s[3]!) >>> 0;
    s[3] = s[3]! + 1;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + result;
    return result;
  }

  /** 0 ≤ x < 1 */
  unit(): number {
    return this.bits() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.unit() * items.length)]!;
  }

  /** Like `pick`, but the first items come up far more often, as big companies and cities do. */
  pickSkewed<T>(items: readonly T[]): T {
    return items[Math.floor(this.unit() ** 2 * items.length)]!;
  }

  /** Up to `max` different items. */
  some<T>(items: readonly T[], max: number): T[] {
    return [...new Set(Array.from({ length: this.int(0, max) }, () => this.pick(items)))];
  }

  hex(length: number): string {
    let text = '';
    while (text.length < length) text += this.bits().toString(16).padStart(8, '0');
    return text.slice(0, length);
  }

  /** A version 4 UUID. */
  uuid(): string {
    const h = this.hex(32);
    const variant = '89ab'[Number.parseInt(h[16]!, 16) & 3];
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20)}`;
  }
}
