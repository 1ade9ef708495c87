import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { buildMessage, IsString, registerDecorator, ValidateBy, ValidateIf, ValidationOptions } from 'class-validator';
import type { Rule } from '../errors.js';
import { isOneLine, isPlainText, isVisible, toNfc } from './text.js';

/** NFC, trimmed; everything but strings is left to the checks that follow. */
export const toText = (value: unknown) => (typeof value === 'string' ? toNfc(value).trim() : value);

export const NormalizedText = () => Transform(({ value }) => toText(value));

const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/g;

/** An omitted field stays as it is; null is not a way to omit it. */
export const OptionalField = () => ValidateIf((_, value) => value !== undefined);

/** Omitted: stays. Null: cleared. Anything else is checked. */
export const NullableField = () => ValidateIf((_, value) => value !== undefined && value !== null);

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

// Other types, and texts that are too short, are told so by other rules.
const oneLine = (value: unknown) => typeof value !== 'string' || isOneLine(value);
const plainText = (value: unknown) => typeof value !== 'string' || isPlainText(value);
const visibleText = (value: unknown) => typeof value !== 'string' || value === '' || isVisible(value);

/** Text of `min` to `max` characters that shows something, and itself only; in one line, or in lines. */
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

/** Required text of one line and 1 to `max` characters. */
export function TextField(max: number, example: string) {
  return applyDecorators(ApiProperty({ example, minLength: 1, maxLength: max }), NormalizedText(), ShownText(1, max));
}

/** Optional text of at most `max` characters that null clears; an empty string counts as null. */
export function NullableTextField(max: number, example: string, { lines = false } = {}) {
  const read = (value: unknown) => toText(lines && typeof value === 'string' ? value.replace(LINE_ENDS, '\n') : value);
  return applyDecorators(
    ApiPropertyOptional({ type: String, example, maxLength: max, nullable: true }),
    Transform(({ value }) => (typeof value === 'string' ? read(value) || null : value)),
    NullableField(),
    ShownText(0, max, { lines }),
  );
}

/** A check of our own: `message` follows the field's name, or the words for an entry of it. */
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
