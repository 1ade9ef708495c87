import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { isEmail } from 'class-validator';
import { Characters, Satisfies } from '../common/fields.js';

/** Longer than any spelling of an address that is short enough, and short enough for NFKC, which may take time by its square. */
const LONGEST_SPELLING = 2048;

/**
 * One spelling per mailbox: trimmed, NFKC (UAX #15), lower case, and NFKC again, since a small letter may be composed where its
 * capital is not. What is far too long stays as it is, and is no address.
 */
export function normalizeEmail(email: string): string {
  if (email.length > LONGEST_SPELLING) return email;
  return email.normalize('NFKC').trim().toLowerCase().normalize('NFKC');
}

/**
 * False also for a quoted local part (`"a b"@example.com`, RFC 5321): it spells one mailbox in any number of ways, and every one
 * of them would open an account.
 */
export const isMailbox = (value: unknown): boolean => isEmail(value) && !(value as string).startsWith('"');

/** A request field that is an e-mail address, normalized before it is checked; at most 254 characters (RFC 5321). */
export function EmailField() {
  return applyDecorators(
    ApiProperty({ example: 'user@example.com', maxLength: 254, format: 'email' }),
    Transform(({ value }) => (typeof value === 'string' ? normalizeEmail(value) : value)),
    Satisfies(isMailbox, 'invalid_format', 'must be an email'),
    Characters(0, 254),
  );
}
