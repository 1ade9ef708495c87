import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsString, Length, MaxLength, registerDecorator, ValidateIf } from 'class-validator';

/** Trims strings and leaves everything else to the checks that follow. */
export const Trim = () => Transform(({ value }) => (typeof value === 'string' ? value.trim() : value));

/** An omitted field stays as it is; null is not a way to omit it. */
export const Omittable = () => ValidateIf((_, value) => value !== undefined);

/** Omitted: stays. Null: cleared. Anything else is checked. */
export const Clearable = () => ValidateIf((_, value) => value !== undefined && value !== null);

/** Required text of 1 to `max` characters, trimmed. */
export function TextField(max: number, example: string) {
  return applyDecorators(ApiProperty({ example, minLength: 1, maxLength: max }), Trim(), IsString(), Length(1, max));
}

/** Optional text of at most `max` characters that null clears; an empty string counts as null. */
export function ClearableText(max: number, example: string) {
  return applyDecorators(
    ApiPropertyOptional({ type: String, example, maxLength: max, nullable: true }),
    Transform(({ value }) => (typeof value === 'string' ? value.trim() || null : value)),
    Clearable(),
    IsString(),
    MaxLength(max),
  );
}

/** A rule of our own: `message` follows the field's name. */
export function Satisfies(rule: (value: unknown) => boolean, message: string): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: rule.name,
      target: target.constructor,
      propertyName: String(property),
      options: { message: `${String(property)} ${message}` },
      validator: { validate: (value: unknown) => rule(value) },
    });
}
