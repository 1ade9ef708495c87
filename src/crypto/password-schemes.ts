import { createHmac } from 'node:crypto';
import bcrypt from 'bcrypt';
import { toNfc } from '../common/dto/text.js';
import { parseForeignHash } from './foreign-hashes.js';

export interface PasswordScheme {
  kind: 'bcrypt' | 'argon2id';
  /** log2 of bcrypt's rounds. */
  cost: number;
}

/** Before a hash of an import, which compares as its maker did. */
export const IMPORTED_PREFIX = 'imported:';

/** Before a bcrypt hash of an HMAC. Without it the hash is of the password itself, as earlier releases made it. */
const HMAC_PREFIX = 'hmac-sha384:';
/** Public: it keeps digests that leaked elsewhere from fitting here (OWASP Password Storage Cheat Sheet, "password shucking"). */
const HMAC_WORD = 'meetinity-user-service/password/1';

/** OWASP Password Storage Cheat Sheet; `algorithm` 2 is argon2id. */
const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const ARGON2_START = '$argon2id$v=19$m=19456,t=2,p=1$';

/** bcrypt reads no further. */
const MAX_BCRYPT_BYTES = 72;

/** In NFC, because browsers and systems compose letters differently (RFC 8265, §4.2). 64 characters: bcrypt reads all of them. */
const digest = (password: string) => createHmac('sha384', HMAC_WORD).update(toNfc(password)).digest('base64');

/** Loaded where it is used only. */
const argon2 = () => import('@node-rs/argon2');

export async function hashPassword(password: string, { kind, cost }: PasswordScheme): Promise<string> {
  if (kind === 'argon2id') return (await argon2()).hash(toNfc(password), ARGON2);
  return HMAC_PREFIX + (await bcrypt.hash(digest(password), cost));
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  if (stored.startsWith(HMAC_PREFIX)) return bcrypt.compare(digest(password), stored.slice(HMAC_PREFIX.length));
  if (stored.startsWith('$argon2')) return (await argon2()).verify(stored, toNfc(password));
  const compare = stored.startsWith(IMPORTED_PREFIX)
    ? parseForeignHash(stored.slice(IMPORTED_PREFIX.length))
    : async (spelling: string) =>
        (await bcrypt.compare(spelling, stored)) && Buffer.byteLength(spelling) <= MAX_BCRYPT_BYTES;
  if (!compare) return false;
  // These may be hashes of what was typed.
  let matches = false;
  for (const spelling of new Set([password, toNfc(password)])) matches = (await compare(spelling)) || matches;
  return matches;
}

export function isOfScheme(stored: string, { kind, cost }: PasswordScheme): boolean {
  if (kind === 'argon2id') return stored.startsWith(ARGON2_START);
  return stored.startsWith(HMAC_PREFIX) && bcrypt.getRounds(stored.slice(HMAC_PREFIX.length)) === cost;
}

/** Hashes of one kind take the same time to compare. */
export function kindOf(stored: string): string {
  if (stored.startsWith(IMPORTED_PREFIX)) return 'imported';
  return /\$argon2id|\$2[aby]\$\d\d/.exec(stored)?.[0] ?? 'unknown';
}
