import { applyDecorators, Param, ParseUUIDPipe } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, isUUID } from 'class-validator';
import { invalidField } from '../errors.js';
import { Satisfies } from './text-fields.js';

export const isUuid = (text: string): boolean => isUUID(text, 'loose');

const toLowerCase = { transform: (value: string) => value.toLowerCase() };

/** A path parameter that must be a UUID (RFC 9562); lower case, because handlers compare ids as strings. */
export function UuidParam(name: string): ParameterDecorator {
  const exceptionFactory = () => invalidField(name, 'invalid_format', `${name} must be a UUID`);
  return Param(name, new ParseUUIDPipe({ exceptionFactory }), toLowerCase);
}

const areUuids = (value: unknown) => Array.isArray(value) && value.every((id) => typeof id === 'string' && isUuid(id));
const toLowerCaseIds = (ids: unknown[]) => ids.map((id) => (typeof id === 'string' ? id.toLowerCase() : id));

/** A list of UUIDs in a body, lower case as in a path. */
export function UuidListField(minItems: number, maxItems: number) {
  return applyDecorators(
    ApiProperty({ type: 'array', items: { type: 'string', format: 'uuid' }, minItems, maxItems }),
    Transform(({ value }) => (Array.isArray(value) ? toLowerCaseIds(value) : value)),
    IsArray(),
    ArrayMinSize(minItems),
    ArrayMaxSize(maxItems),
    Satisfies(areUuids, 'invalid_format', 'must be UUIDs'),
  );
}
