import { AppError } from '../common/errors.js';
import { isUuid } from '../common/uuid-param.js';
import { isSortKey, UserPosition, UserSort } from '../users/user-order.js';

/** A position in the list of that order, opaque to clients. */
export function writeCursor(sort: UserSort, { key, id }: UserPosition): string {
  return Buffer.from(JSON.stringify([sortName(sort), key, id])).toString('base64url');
}

/** @throws AppError `validation_failed` for what was made for another order, or was not made here */
export function readCursor(sort: UserSort, cursor: string): UserPosition {
  const [name, key, id] = parse(cursor);
  if (name === sortName(sort) && isSortKey(sort, key) && typeof id === 'string' && isUuid(id)) return { key, id };
  const message = 'after must be the `next` of a page in the same order';
  throw new AppError('validation_failed', { details: [{ field: 'after', message }] });
}

function sortName({ field, descending }: UserSort): string {
  return `${descending ? '-' : ''}${field}`;
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) && value.length === 3 ? value : [];
  } catch {
    return [];
  }
}
