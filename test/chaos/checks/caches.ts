import { Redis } from 'ioredis';
import { GENERATION_KEY, VALUE_KIND } from '../../../src/cache/redis-entry.js';
import { readBio, readInterests, type Person } from '../people.js';
import type { Rows, UserRow } from './database.js';

export interface CacheFindings {
  /** Entries with a value. */
  entries: number;
  /** Entries without a value or of an older generation. */
  others: number;
  stale: string[];
}

const PREFIXES = { profile: 'user:profile:', preferences: 'user:preferences:' } as const;

/** Compares every cached profile and preferences with the row. */
export async function checkCaches(redisUrl: string, people: Person[], rows: Rows): Promise<CacheFindings> {
  const users = new Map(rows.users.map((user) => [user.id, user]));
  const persons = new Map(people.map((person) => [person.email, person]));
  const findings: CacheFindings = { entries: 0, others: 0, stale: [] };
  const redis = new Redis(redisUrl);
  try {
    const generation = await redis.get(GENERATION_KEY);
    for (const [kind, prefix] of Object.entries(PREFIXES) as [keyof typeof PREFIXES, string][])
      for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 500 }) as AsyncIterable<string[]>)
        for (const key of keys) {
          const [value, ttl] = await Promise.all([redis.get(key), redis.ttl(key)]);
          if (value === null) continue;
          const text = unquote(value);
          if (ttl < 0) findings.stale.push(`${key}: never expires`);
          const current = `${VALUE_KIND}:${generation}:`;
          if (/^(lease|lock):/.test(text) || (text.startsWith(`${VALUE_KIND}:`) && !text.startsWith(current))) {
            findings.others += 1;
            continue;
          }
          findings.entries += 1;
          const row = users.get(key.slice(prefix.length));
          const problem = row
            ? compare(kind, text.slice(text.indexOf('{')), row, persons.get(row.email))
            : 'of a user who is gone';
          if (problem) findings.stale.push(`${key}: ${problem}`);
        }
  } finally {
    redis.disconnect();
  }
  return findings;
}

function compare(kind: keyof typeof PREFIXES, text: string, row: UserRow, person?: Person): string | null {
  const cached = parse(text);
  if (!cached) return `cannot be read: ${text.slice(0, 100)}`;
  if (kind === 'preferences') {
    if (String(cached.interests) === String(row.interests)) return null;
    return `${readInterests(cached.interests)} instead of ${readInterests(row.interests)}`;
  }
  if ('is_active' in cached && cached.is_active !== row.is_active) return `is_active is ${cached.is_active}`;
  if (cached.bio === row.bio) return null;
  return person ? `${readBio(person, cached.bio)} instead of ${readBio(person, row.bio)}` : `${cached.bio}`;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** Strings are stored as JSON, with quotes. */
function unquote(value: string): string {
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}
