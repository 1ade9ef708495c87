import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { EntityManager, In, LessThan, MoreThanOrEqual } from 'typeorm';
import { KeyRing } from '../../crypto/key-ring.js';
import { hmacSha256 } from '../../crypto/tokens.js';
import { RecoveryCode } from './recovery-code.entity.js';

const CODES_ENTRIES = 10;
/** 80 bits, 16 characters. */
const CODE_BYTES = 10;
const PURPOSE = 'recovery-code';
/** Without the letters that look like digits (Crockford's base 32). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Codes for a user who lost every other factor. Stored as MACs with a key derived from `ENCRYPTION_KEYS`, valid once each. */
@Injectable()
export class RecoveryCodes {
  constructor(private readonly keys: KeyRing) {}

  /** Replaces all codes of a user whose row the transaction holds. @returns the new ones */
  async replace(tx: EntityManager, userId: string): Promise<string[]> {
    await this.remove(tx, userId);
    const codes = Array.from({ length: CODES_ENTRIES }, makeCode);
    await tx.insert(
      RecoveryCode,
      codes.map((code) => ({ userId, codeMac: this.macs(userId, code)[0]! })),
    );
    return codes;
  }

  /** Uses a code up. @returns false for a wrong one */
  async consume(tx: EntityManager, userId: string, code: string, before?: Date): Promise<boolean> {
    const codeMac = In(this.macs(userId, code));
    const { affected } = await tx.delete(RecoveryCode, { userId, codeMac, ...madeBefore(before) });
    return affected === 1;
  }

  count(tx: EntityManager, userId: string, before?: Date): Promise<number> {
    return tx.countBy(RecoveryCode, { userId, ...madeBefore(before) });
  }

  /** @param since only those that were made since then */
  async remove(tx: EntityManager, userId: string, since?: Date): Promise<void> {
    await tx.delete(RecoveryCode, { userId, ...(since && { createdAt: MoreThanOrEqual(since) }) });
  }

  private macs(userId: string, code: string): string[] {
    const message = `${userId}\n${code.toUpperCase().replaceAll(/[^0-9A-Z]/g, '')}`;
    return this.keys.keys(PURPOSE).map((key) => hmacSha256(key, message).toString('hex'));
  }
}

const madeBefore = (before?: Date) => (before ? { createdAt: LessThan(before) } : {});

function makeCode(): string {
  const bits = [...randomBytes(CODE_BYTES)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.match(/.{5}/g)!.map((five) => ALPHABET[Number.parseInt(five, 2)]);
  return letters.join('').match(/.{4}/g)!.join('-');
}
