import type { DataSource } from 'typeorm';
import type { AvatarStorage } from './avatar-storage.js';

/** Hours before a file without a row is an orphan: an upload stores its file before its row points there. */
const GRACE_HOURS = 24;
/** Names of one query, which reads the whole table of users. */
const BATCH_ROWS = 10_000;

export interface OrphanCount {
  seen: number;
  orphans: number;
}

/**
 * Finds stored pictures that no profile shows: left by a crash between file and row.
 * @param found is given each of them
 * @param before files that are younger are left alone
 */
export async function findOrphans(
  database: DataSource,
  storage: AvatarStorage,
  found: (name: string) => Promise<void>,
  before = new Date(Date.now() - GRACE_HOURS * 3_600_000),
): Promise<OrphanCount> {
  const count: OrphanCount = { seen: 0, orphans: 0 };
  let batch: string[] = [];
  const judge = async () => {
    const used = await namesInUse(database, batch);
    for (const name of batch.filter((each) => !used.has(each))) {
      await found(name);
      count.orphans += 1;
    }
    batch = [];
  };
  for await (const { name, modifiedAt } of storage.list()) {
    count.seen += 1;
    if (modifiedAt >= before) continue;
    if (batch.push(name) === BATCH_ROWS) await judge();
  }
  await judge();
  return count;
}

/** By the last part alone: an instance of an earlier release, which stores whole addresses, may still run. */
async function namesInUse(database: DataSource, names: string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const rows = await database.query<{ name: string }[]>(
    `SELECT right(profile_picture_url, 37) AS name FROM users WHERE right(profile_picture_url, 37) = ANY ($1)`,
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}
