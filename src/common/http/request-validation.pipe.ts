import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, ValidationError, validateSync } from 'class-validator';
import { AppError, ErrorDetail, Rule, RULES } from '../errors.js';

const OPTIONS = {
  whitelist: true,
  forbidNonWhitelisted: true,
  // A missing body is validated as an empty object, so that the answer names the fields.
  forbidUnknownValues: false,
  validationError: { target: false, value: false },
};

/** Our rules by class-validator's names; our own validators are named like their rules. */
const RULE_OF: Record<string, Rule> = {
  whitelistValidation: 'unknown_field',
  isString: 'invalid_type',
  isBoolean: 'invalid_type',
  isInt: 'invalid_type',
  isArray: 'invalid_type',
  isObject: 'invalid_type',
  isDate: 'invalid_format',
  isIn: 'invalid_choice',
  min: 'too_small',
  max: 'too_large',
  arrayMaxSize: 'too_many',
};

/** Length of a field's name in an answer. */
const MAX_NAME_CHARS = 64;

/** Types of parameters without a DTO class. */
const BUILT_IN = new Set<unknown>([undefined, Object, String, Number, Boolean, Array]);

/** Fields of a DTO class with their maximum text length, if any. */
type Fields = Map<string, number | undefined>;

const fieldsByClass = new Map<unknown, Fields>();

function fieldsOf(metatype: Type<object>): Fields {
  const found = fieldsByClass.get(metatype);
  if (found) return found;
  const fields: Fields = new Map();
  for (const { propertyName, name, constraints } of getMetadataStorage().getTargetValidationMetadatas(
    metatype,
    '',
    false,
    false,
  ))
    fields.set(propertyName, name === 'too_long' ? (constraints[0] as number) : fields.get(propertyName));
  fieldsByClass.set(metatype, fields);
  return fields;
}

const ruleOf = (name: string): Rule =>
  RULE_OF[name] ?? (RULES.includes(name as Rule) ? (name as Rule) : 'invalid_format');

/** One detail per field: `required` if it is missing, else the first broken rule. */
function details(errors: ValidationError[], dto: object, parent = ''): ErrorDetail[] {
  return errors.flatMap((error) => {
    const field = parent + error.property;
    const value: unknown = (dto as Record<string, unknown>)[error.property];
    if (value === undefined || value === null)
      return [{ field, rule: 'required' as const, message: `${field} is required` }];
    const [first] = Object.entries(error.constraints ?? {})
      .map(([name, message]) => ({ field, rule: ruleOf(name), message }))
      .sort((a, b) => RULES.indexOf(a.rule) - RULES.indexOf(b.rule));
    return [...(first ? [first] : []), ...details(error.children ?? [], value as object, `${field}.`)];
  });
}

/**
 * The first field, at any depth, named like a property of every object, such as `constructor`: class-transformer would drop it
 * or call it.
 */
function findPrototypeKey(value: unknown, parent: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const field = `${parent}.${name}`;
    const found = name in Object.prototype ? field : findPrototypeKey(inner, field);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Twice the maximum, because trimming and normalization may shorten the text. */
const isFarTooLong = (value: unknown, max: number) => typeof value === 'string' && value.trim().length > 2 * max;

/** Refuses unknown and very long fields before the transformation and validation, which would take long. */
function precheck(name: string, value: unknown, fields: Fields): ErrorDetail | undefined {
  const field = name.slice(0, MAX_NAME_CHARS);
  if (!fields.has(name)) return { field, rule: 'unknown_field', message: `${field} is not a field of this request` };
  const max = fields.get(name);
  if (max !== undefined && [value].flat().some((text) => isFarTooLong(text, max)))
    return { field, rule: 'too_long', message: `${field} must have at most ${max} characters` };
  const inherited = findPrototypeKey(value, name)?.slice(0, MAX_NAME_CHARS);
  if (inherited === undefined) return undefined;
  return { field: inherited, rule: 'invalid_name', message: `${inherited} is not allowed as the name of a field` };
}

const invalid = (found: ErrorDetail[]) => new AppError('validation_failed', { details: found });

/**
 * Validates bodies and queries against their DTO classes, and refuses unknown fields. Nest's `ValidationPipe` also handles values
 * that neither JSON nor a query can contain, which costs twice as much as the validation.
 */
export class RequestValidationPipe implements PipeTransform {
  /** @throws AppError `validation_failed` */
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || BUILT_IN.has(metatype)) return value;
    const given = value === undefined ? {} : value;
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw invalid([{ field: type, rule: 'invalid_type', message: `${type} must be an object` }]);
    const fields = fieldsOf(metatype as Type<object>);
    const refused = Object.entries(given).flatMap(([name, inner]) => precheck(name, inner, fields) ?? []);
    if (refused.length > 0) throw invalid(refused);
    const dto = plainToInstance(metatype as Type<object>, given);
    const errors = validateSync(dto, OPTIONS);
    if (errors.length > 0) throw invalid(details(errors, dto));
    return dto;
  }
}
