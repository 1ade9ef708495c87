import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { CacheToken } from './cache-store.js';

/** Where the mark stands that an entry has to bear to count. */
export const GENERATION_KEY = 'user:cache:mark';

const GENERATION_PATTERN = /^"[0-9a-f-]{36}"$/;

export const isGeneration = (text: string) => GENERATION_PATTERN.test(text);

/**
 * What an entry that holds a value begins with. The number is the version of what is cached: raise it when the fields of a
 * cached profile or of preferences change, so that releases beside each other do not serve each other's entries.
 */
export const VALUE_KIND = 'value.v1';

/** cache-manager's store would take strings for anything that its serializer once wrote; ours cannot be mistaken. */
export const quote = (word: string) => JSON.stringify(word);

export function newGeneration(): string {
  return quote(randomUUID());
}

/** What an entry begins with that counts while this mark stands. */
export const valuePrefix = (mark: string) => `${VALUE_KIND}:${mark.slice(1, -1)}:`;

export function entryOf({ generation }: CacheToken, signedValue: string): string {
  return quote(valuePrefix(generation!) + signedValue);
}

/** From now on nothing counts that is cached of any user, nor what is on its way there. */
export async function startNewGeneration(redis: Redis): Promise<void> {
  await redis.set(GENERATION_KEY, newGeneration());
}
