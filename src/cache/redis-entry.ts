import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Token } from './cache-store.js';

/** Where the mark stands that an entry has to bear to count. */
export const MARK_KEY = 'user:cache:mark';

const MARK = /^"[0-9a-f-]{36}"$/;

export const isMark = (text: string) => MARK.test(text);

/** cache-manager's store would take strings for anything that its serializer once wrote; ours cannot be mistaken. */
export const quote = (word: string) => JSON.stringify(word);

export function newMark(): string {
  return quote(randomUUID());
}

export function entryOf({ mark }: Token, value: string): string {
  return quote(`value:${JSON.parse(mark!) as string}:${value}`);
}

/** From now on nothing counts that is cached of any user, nor what is on its way there. */
export async function voidCachedUsers(redis: Redis): Promise<void> {
  await redis.set(MARK_KEY, newMark());
}
