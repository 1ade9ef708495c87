import { Param, ParseUUIDPipe } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { invalidField } from '../errors.js';

export const isUuid = (text: string): boolean => isUUID(text, 'loose');

const toLowerCase = { transform: (value: string) => value.toLowerCase() };

/** A path parameter that must be a UUID (RFC 9562); lower case, because handlers compare ids as strings. */
export function UuidParam(name: string): ParameterDecorator {
  const exceptionFactory = () => invalidField(name, 'invalid_format', `${name} must be a UUID`);
  return Param(name, new ParseUUIDPipe({ exceptionFactory }), toLowerCase);
}
