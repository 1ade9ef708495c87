import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDate } from 'class-validator';
import { parseIso8601 } from './iso8601.js';
import { OptionalParam } from './query-params.js';

/** A query parameter with a date or date-time. */
export function DateTimeParam(description: string) {
  return applyDecorators(
    ApiPropertyOptional({ type: String, format: 'date-time', description }),
    Transform(({ value }) => (typeof value === 'string' && value !== '' ? (parseIso8601(value) ?? value) : value)),
    OptionalParam(),
    IsDate(),
  );
}
