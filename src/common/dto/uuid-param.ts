import { Param, PipeTransform } from '@nestjs/common';
import { AppError } from '../errors.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

class UuidPipe implements PipeTransform<string, string> {
  constructor(private readonly field: string) {}

  transform(value: string): string {
    if (isUuid(value)) return value.toLowerCase();
    const details = [{ field: this.field, rule: 'invalid_format' as const, message: `${this.field} must be a UUID` }];
    throw new AppError('validation_failed', { details });
  }
}

/** A part of the path that is a UUID of any version; anything else is 400. */
export const UuidParam = (name: string) => Param(name, new UuidPipe(name));
