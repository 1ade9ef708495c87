import { invalidField } from '../errors.js';

type Values = readonly (string | null)[];

/** Encodes a position in a list, opaque to clients: the sort values of the last row before it. */
export function encodeCursor(values: Values): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/**
 * @param isPosition whether these values are a position in this list
 * @throws AppError `validation_failed` for a cursor of another list or a malformed one
 */
export function decodeCursor<T extends Values>(cursor: string, isPosition: (values: Values) => values is T): T {
  const values = parse(cursor);
  if (isPosition(values)) return values;
  throw invalidField('after', 'invalid_format', 'after must be the `next` of a page in the same order');
}

function parse(cursor: string): Values {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return isValues(values) ? values : [];
  } catch {
    return [];
  }
}

function isValues(given: unknown): given is Values {
  return Array.isArray(given) && given.every((value) => value === null || typeof value === 'string');
}
