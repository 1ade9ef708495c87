import { decodeCursor, encodeCursor } from '../common/dto/cursor.js';
import { isUuid } from '../common/dto/uuid-param.js';
import { isSortKey, UserPosition, UserSort } from '../users/list/user-order.js';

const nameOf = ({ field, descending }: UserSort) => `${descending ? '-' : ''}${field}`;

/** Contains the order: a position is meaningless in another one. */
export function encodeUserCursor(sort: UserSort, { key, id }: UserPosition): string {
  return encodeCursor([nameOf(sort), key, id]);
}

/** @throws AppError `validation_failed` */
export function decodeUserCursor(sort: UserSort, cursor: string): UserPosition {
  const [, key, id] = decodeCursor(cursor, (values): values is [string, string | null, string] => {
    const [name, value, user] = values;
    return values.length === 3 && name === nameOf(sort) && isSortKey(sort, value!) && isUuid(user ?? '');
  });
  return { key, id };
}
