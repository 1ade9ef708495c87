import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { ValidationError, validateSync } from 'class-validator';
import { AppError, ErrorDetail } from './errors.js';

const RULES = {
  whitelist: true,
  forbidNonWhitelisted: true,
  // A missing body is checked like an empty object, so that the answer names the fields.
  forbidUnknownValues: false,
  validationError: { target: false, value: false },
};

/** What a parameter is declared as where it has no class of its own. */
const BUILT_IN = new Set<unknown>([undefined, Object, String, Number, Boolean, Array]);

function details(errors: ValidationError[], parent = ''): ErrorDetail[] {
  return errors.flatMap((error) => {
    const field = parent + error.property;
    const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
      field,
      message: rule === 'whitelistValidation' ? `${field} is not a field of this request` : message,
    }));
    return [...own, ...details(error.children ?? [], `${field}.`)];
  });
}

/**
 * The first field, at any depth, with the name of something that every object has, such as `constructor`. What makes the DTO
 * would drop such a field, or call it.
 */
function inheritedName(value: object, parent = ''): string | undefined {
  for (const [name, inner] of Object.entries(value)) {
    const field = parent + name;
    if (name in Object.prototype) return field;
    const found = typeof inner === 'object' && inner !== null ? inheritedName(inner, `${field}.`) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

const invalid = (found: ErrorDetail[]) => new AppError('validation_failed', { details: found });

/**
 * Checks bodies and queries against their DTO classes; a field the class does not know is an error that names it. The steps of
 * Nest's `ValidationPipe` without its care for values that neither JSON nor a query can hold, which costs twice the checks.
 */
export class DtoPipe implements PipeTransform {
  /** @throws AppError `validation_failed` */
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || BUILT_IN.has(metatype)) return value;
    const given = value ?? {};
    if (typeof given !== 'object' || Array.isArray(given))
      throw invalid([{ field: type, message: `${type} must be an object` }]);
    const field = inheritedName(given);
    if (field !== undefined) throw invalid([{ field, message: `${field} is no name for a field` }]);
    const dto = plainToInstance(metatype as Type<object>, given);
    const errors = validateSync(dto, RULES);
    if (errors.length > 0) throw invalid(details(errors));
    return dto;
  }
}
