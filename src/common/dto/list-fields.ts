import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsObject, Max, Min, ValidateNested } from 'class-validator';
import { OptionalField, Satisfies, ShownText, toText } from './text-fields.js';
import { foldCase } from './text.js';

/** An optional whole number; null is refused. */
export function IntField({ minimum, maximum }: { minimum: number; maximum: number }, example: number) {
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum, maximum, example }),
    OptionalField(),
    IsInt(),
    Min(minimum),
    Max(maximum),
  );
}

/** An object of this class; `ValidateNested` alone takes a list of such objects too. */
export function ObjectField(read: () => new () => object) {
  // Swagger knows a function that returns a class by its name, `type`.
  return applyDecorators(ApiPropertyOptional({ type: () => read() }), Type(read), IsObject(), ValidateNested());
}

// The library's own rule compares each with each, however many a request sends.
const isWithoutDoubles = (list: unknown) => Array.isArray(list) && new Set(list.map(folded)).size === list.length;
const folded = (entry: unknown) => (typeof entry === 'string' ? foldCase(entry) : entry);

const ENTRY = { type: 'string', minLength: 1, maxLength: 100 } as const;

/** At most 50 entries of 1 to 100 characters, trimmed, none twice; the list replaces the stored one. */
export function TagListField(example: string[]) {
  return applyDecorators(
    ApiPropertyOptional({ type: 'array', items: ENTRY, maxItems: 50, uniqueItems: true, example }),
    Transform(({ value }) => (Array.isArray(value) ? value.map(toText) : value)),
    OptionalField(),
    IsArray(),
    ArrayMaxSize(50),
    Satisfies(isWithoutDoubles, 'duplicate', 'must not have an entry twice'),
    ShownText(1, 100, { each: true }),
  );
}
