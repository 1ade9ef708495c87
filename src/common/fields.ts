import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { buildMessage, IsString, registerDecorator, ValidateBy, ValidateIf, ValidationOptions } from 'class-validator';
import type { Rule } from './errors.js';

/** Trims strings and leaves everything else to the checks that follow. */
export const Trim = () => Transform(({ value }) => (typeof value === 'string' ? value.trim() : value));

/** An omitted field stays as it is; null is not a way to omit it. */
export const Omittable = () => ValidateIf((_, value) => value !== undefined);

/** Omitted: stays. Null: cleared. Anything else is checked. */
export const Clearable = () => ValidateIf((_, value) => value !== undefined && value !== null);

/** True for a text of so many code points, which is what PostgreSQL counts. */
function hasCharacters(text: string, min: number, max: number): boolean {
  if (text.length < min || text.length > 2 * max) return false;
  // The common case is certain without counting.
  if (min <= 1 && text.length <= max) return true;
  const { length } = [...text];
  return length >= min && length <= max;
}

/**
 * Text of `min` to `max` characters. The library's own rules take an emoji and the selector of its look for one character, and
 * the column would be too narrow.
 */
export function Characters(min: number, max: number, options?: ValidationOptions): PropertyDecorator {
  const rule = (name: Rule, bound: number, fits: (text: string) => boolean, words: string) => {
    const validate = (value: unknown) => typeof value !== 'string' || fits(value);
    const defaultMessage = buildMessage((each) => `${each}$property must have ${words} ${bound} characters`, options);
    return ValidateBy({ name, constraints: [bound], validator: { validate, defaultMessage } }, options);
  };
  const tooLong = rule('too_long', max, (text) => hasCharacters(text, 0, max), 'at most');
  if (min === 0) return tooLong;
  const tooShort = rule('too_short', min, (text) => hasCharacters(text, min, Infinity), 'at least');
  return applyDecorators(tooLong, tooShort);
}

/** Required text of 1 to `max` characters, trimmed. */
export function TextField(max: number, example: string) {
  return applyDecorators(
    ApiProperty({ example, minLength: 1, maxLength: max }),
    Trim(),
    IsString(),
    Characters(1, max),
  );
}

/** Optional text of at most `max` characters that null clears; an empty string counts as null. */
export function ClearableText(max: number, example: string) {
  return applyDecorators(
    ApiPropertyOptional({ type: String, example, maxLength: max, nullable: true }),
    Transform(({ value }) => (typeof value === 'string' ? value.trim() || null : value)),
    Clearable(),
    IsString(),
    Characters(0, max),
  );
}

/** A check of our own: `message` follows the field's name. */
export function Satisfies(check: (value: unknown) => boolean, rule: Rule, message: string): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: rule,
      target: target.constructor,
      propertyName: String(property),
      options: { message: `${String(property)} ${message}` },
      validator: { validate: (value: unknown) => check(value) },
    });
}
