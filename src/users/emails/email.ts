import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { canonicalEmail, isEmailAddress, isKnownSpelling, legacyEmail } from '../../common/dto/email-address.js';
import { invalidField } from '../../common/errors.js';
import { CodePointLength, Satisfies } from '../../common/dto/text-fields.js';

function AddressField(normalize: (value: string) => string, check: (value: unknown) => boolean) {
  return applyDecorators(
    ApiProperty({ example: 'user@example.com', maxLength: 254, format: 'email' }),
    Transform(({ value }) => (typeof value === 'string' ? normalize(value) : value)),
    Satisfies(check, 'invalid_format', 'must be an email'),
    CodePointLength(0, 254),
  );
}

/** @returns the canonical spelling. @throws AppError `validation_failed` */
export function requireEmail(address: string): string {
  const email = canonicalEmail(address);
  if (email !== null) return email;
  throw invalidField('email', 'invalid_format', 'email must be an email');
}

/** The address of a new account, in its canonical spelling. */
export const EmailField = () => AddressField((value) => canonicalEmail(value) ?? value, isEmailAddress);

/** The address of an existing account, which may have a spelling that new accounts are refused. */
export const AccountEmailField = () => AddressField(legacyEmail, isKnownSpelling);
