import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { OptionalField, Satisfies } from './text-fields.js';
import { isUuid } from './uuid-param.js';

/** Swagger supports `allowEmptyValue`; its types do not declare it here. */
const EmptyAllowed = () => ApiPropertyOptional({ allowEmptyValue: true } as ApiPropertyOptions);

/** An optional query parameter; an empty one, as forms send it, counts as missing. */
export function OptionalParam() {
  return applyDecorators(
    EmptyAllowed(),
    Transform(({ value }) => (value === '' ? undefined : value)),
    OptionalField(),
  );
}

/** A whole number in decimal digits; a missing one leaves the property's initial value. */
export function IntParam(minimum: number, maximum: number, fallback: number) {
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum, maximum, default: fallback }),
    EmptyAllowed(),
    Transform(({ value }) => (value === '' ? fallback : /^\d{1,10}$/.test(String(value)) ? Number(value) : value)),
    IsInt(),
    Min(minimum),
    Max(maximum),
  );
}

export function BooleanParam() {
  return applyDecorators(
    ApiPropertyOptional({ type: Boolean }),
    Transform(({ value }) => (value === 'true' ? true : value === 'false' ? false : value)),
    OptionalParam(),
    IsBoolean(),
  );
}

export function EnumParam(choices: readonly string[], description?: string) {
  return applyDecorators(ApiPropertyOptional({ enum: choices, description }), OptionalParam(), IsIn(choices));
}

const isId = (value: unknown) => typeof value === 'string' && isUuid(value);

export function IdParam(description: string) {
  return applyDecorators(
    ApiPropertyOptional({ format: 'uuid', description }),
    OptionalParam(),
    Satisfies(isId, 'invalid_format', 'must be a UUID'),
  );
}
