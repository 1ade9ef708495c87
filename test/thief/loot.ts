import { readFileSync } from 'node:fs';
import type { Scene } from './scene.js';

/** Texts of the data, by where they stand: a column, a kind of key in Redis, the log. */
export type Loot = Map<string, Set<string>>;

/** The forms of the service's tokens and codes, wherever they stand in a text. */
const TOKENS = [
  /[\w-]{22}\.\d{1,9}\.[\w-]{43}/g,
  /eyJ[\w-]+\.[\w-]+\.[\w-]+/g,
  /mts_[\w-]{43}/g,
  /(?<![\w-])[\w-]{43}(?![\w-])/g,
  /(?<!\w)[0-9a-f]{64}(?!\w)/g,
];

/** Everything that a reader of PostgreSQL, of Redis and of the log sees. */
export async function steal(scene: Scene): Promise<Loot> {
  const loot: Loot = new Map();
  const add = (place: string, value: unknown) => {
    const known = loot.get(place) ?? new Set<string>();
    loot.set(place, known);
    for (const text of textsOf(value)) {
      if (text !== '') known.add(text);
      for (const form of TOKENS) for (const [token] of text.matchAll(form)) known.add(token);
    }
  };
  await dumpDatabase(scene, add);
  await dumpRedis(scene, add);
  for (const line of readFileSync(scene.logFile, 'utf8').split('\n')) add('log', line);
  return loot;
}

type Add = (place: string, value: unknown) => void;

async function dumpDatabase({ database }: Scene, add: Add): Promise<void> {
  const { rows: tables } = await database.query(
    `SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
  );
  for (const { name } of tables) {
    const { rows } = await database.query(`SELECT * FROM ${name}`);
    for (const row of rows) for (const [column, value] of Object.entries(row)) add(`${name}.${column}`, value);
  }
}

async function dumpRedis({ redis }: Scene, add: Add): Promise<void> {
  for (const key of await redis.keys('*')) {
    const place = `redis ${key.replaceAll(/[0-9a-f-]{32,}|[\w-]{43}/g, '…').slice(0, 40)}`;
    add(place, key);
    add(place, key.split(':').at(-1));
    const type = await redis.type(key);
    if (type === 'string') add(place, await redis.get(key));
    if (type === 'hash') for (const value of Object.values(await redis.hgetall(key))) add(place, value);
  }
}

/** Texts of a value of any type, bytes in the usual spellings. */
function textsOf(value: unknown): string[] {
  if (Buffer.isBuffer(value))
    return (['utf8', 'hex', 'base64url', 'base64'] as const).map((form) => value.toString(form));
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' && !(value instanceof Date) ? [JSON.stringify(value)] : [];
}
