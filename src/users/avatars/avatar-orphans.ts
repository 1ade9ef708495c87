import type { DataSource } from 'typeorm';
import { tryEach } from '../../common/concurrency/try-each.js';
import type { AvatarStorage } from './avatar-storage.js';

/** Files without a row are orphans after this time: an upload stores the file first. */
const GRACE_HOURS = 24;
/** Names per query; each query reads the whole table of users. */
const BATCH_ROWS = 10_000;

export interface OrphanCount {
  seen: number;
  orphans: number;
}

/**
 * Finds stored pictures that no profile shows, left by a crash between file and row.
 * @param found called with the name of each
 * @param before younger files are skipped
 */
export async function findOrphans(
  database: DataSource,
  storage: AvatarStorage,
  found: (name: string) => Promise<void>,
  before = new Date(Date.now() - GRACE_HOURS * 3_600_000),
): Promise<OrphanCount> {
  const count: OrphanCount = { seen: 0, orphans: 0 };
  let batch: string[] = [];
  const checkBatch = async () => {
    const used = await namesInUse(database, batch);
    const orphans = batch.filter((name) => !used.has(name));
    batch = [];
    await tryEach(orphans, async (name) => {
      await found(name);
      count.orphans += 1;
    });
  };
  for await (const { name, modifiedAt } of storage.list()) {
    count.seen += 1;
    if (modifiedAt >= before) continue;
    if (batch.push(name) === BATCH_ROWS) await checkBatch();
  }
  await checkBatch();
  return count;
}

/** Compares file names: an instance of an earlier release, which stores whole URLs, may still run. */
async function namesInUse(database: DataSource, names: string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const rows = await database.query<{ name: string }[]>(
    `SELECT right(profile_picture_url, 37) AS name FROM users WHERE right(profile_picture_url, 37) = ANY ($1)`,
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}
