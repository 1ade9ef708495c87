import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { buildMessage, IsString, registerDecorator, ValidateBy, ValidateIf, ValidationOptions } from 'class-validator';
import type { Rule } from '../errors.js';
import { isOneLine, isPlainText, isVisible, toNfc } from './text.js';

/** Normalizes strings to NFC and trims them; the validators refuse other types. */
export const toText = (value: unknown) => (typeof value === 'string' ? toNfc(value).trim() : value);

export const NormalizedText = () => Transform(({ value }) => toText(value));

const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g;

/** May be omitted, which leaves the stored value; null is not allowed. */
export const OptionalField = () => ValidateIf((_, value) => value !== undefined);

/** May be omitted, which leaves the stored value, or null, which clears it. */
export const NullableField = () => ValidateIf((_, value) => value !== undefined && value !== null);

/** Counts code points, as PostgreSQL does. */
function hasCharacters(text: string, min: number, max: number): boolean {
  if (text.length < min || text.length > 2 * max) return false;
  // A string has no more code points than UTF-16 units.
  if (min <= 1 && text.length <= max) return true;
  const { length } = [...text];
  return length >= min && length <= max;
}

/**
 * Text of `min` to `max` code points. class-validator's `Length` counts an emoji and its variation selector as one character,
 * which can exceed the column.
 */
export function CodePointLength(min: number, max: number, options?: ValidationOptions): PropertyDecorator {
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

// Other rules report other types and empty texts.
const oneLine = (value: unknown) => typeof value !== 'string' || isOneLine(value);
const plainText = (value: unknown) => typeof value !== 'string' || isPlainText(value);
const visibleText = (value: unknown) => typeof value !== 'string' || value === '' || isVisible(value);

/** Visible text of `min` to `max` characters without control characters, on one line or several. */
export function ShownText(min: number, max: number, { each = false, lines = false } = {}) {
  const plainly = 'without control characters or changes of direction';
  return applyDecorators(
    IsString({ each }),
    CodePointLength(min, max, { each }),
    lines
      ? Satisfies(plainText, 'invalid_characters', `must be ${plainly}`)
      : Satisfies(oneLine, 'invalid_characters', `must be one line ${plainly}`, each),
    Satisfies(visibleText, 'invisible', 'must have a visible character', each),
  );
}

/** Required single-line text of 1 to `max` characters. */
export function TextField(max: number, example: string) {
  return applyDecorators(ApiProperty({ example, minLength: 1, maxLength: max }), NormalizedText(), ShownText(1, max));
}

/** Optional text of at most `max` characters; null or an empty string clears it. */
export function NullableTextField(max: number, example: string, { lines = false } = {}) {
  const read = (value: unknown) => toText(lines && typeof value === 'string' ? value.replace(LINE_ENDS, '\n') : value);
  return applyDecorators(
    ApiPropertyOptional({ type: String, example, maxLength: max, nullable: true }),
    Transform(({ value }) => (typeof value === 'string' ? read(value) || null : value)),
    NullableField(),
    ShownText(0, max, { lines }),
  );
}

/** A custom validator; `message` follows the name of the field or, with `each`, `each value in <field>`. */
export function Satisfies(
  check: (value: unknown) => boolean,
  rule: Rule,
  message: string,
  each = false,
): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: rule,
      target: target.constructor,
      propertyName: String(property),
      options: { each, message: `${each ? 'each value in ' : ''}${String(property)} ${message}` },
      validator: { validate: (value: unknown) => check(value) },
    });
}
