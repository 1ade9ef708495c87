import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { databaseOptions } from '../../src/config/database.js';
import { entities } from '../../src/entities.js';
import type { BenchMember } from '../lib/members.js';
import { cleanUp } from './job-rows.js';
import { drawMembers, findAdmin, warm } from './members.js';
import type { ScaleRow, Site, Task } from './row.js';
import type { Size } from './stage.js';

/** By row and then by size: the milliseconds of each task, round by round. */
export type Times = Map<ScaleRow, Map<Size, number[][]>>;

export async function openSite(size: Size): Promise<Site & { close(): Promise<void> }> {
  const pair = await size.start();
  const database = await new DataSource({ ...databaseOptions(size.settings), entities, poolSize: 3 }).initialize();
  const client = new Client({ connectionString: size.url });
  await client.connect();
  const admin = await findAdmin(client, size);
  // What has become due since the folder was made.
  await cleanUp(database);
  const runner = database.createQueryRunner();
  const close = async () => {
    await runner.release();
    await database.destroy();
    await client.end();
    await Promise.all([pair.service.stop(), pair.plain.stop()]);
  };
  return { ...pair, size, database, runner, client, admin, close };
}

/** Runs the tasks of one row once; `around` is given each to run. */
export async function runRow(
  row: ScaleRow,
  site: Site,
  members: BenchMember[],
  around: (task: Task) => Promise<void>,
): Promise<void> {
  const { runner } = site;
  if (row.prepare) {
    await runner.startTransaction();
    await runner.query(row.prepare);
  }
  try {
    for (const task of await row.tasks(site, members)) await around(task);
  } finally {
    if (row.prepare) await runner.rollbackTransaction();
  }
}

export async function drawFor(rows: ScaleRow[], site: Site): Promise<Map<ScaleRow, BenchMember[]>> {
  const drawn = await drawMembers(
    site.client,
    site.size,
    rows.reduce((sum, row) => sum + (row.members ?? 0), 0),
  );
  return new Map(rows.map((row) => [row, drawn.splice(0, row.members ?? 0)]));
}

/**
 * One request at a time, row by row and within a row size by size, so that what else the machine does meets all sizes alike.
 * The first round warms the processes up and is not kept.
 */
export async function measure(sites: Site[], rows: ScaleRow[], rounds: number, log: (line: string) => void) {
  const times: Times = new Map(rows.map((row) => [row, new Map(sites.map(({ size }) => [size, []]))]));
  for (let round = 0; round <= rounds; round += 1) {
    log(round === 0 ? 'warming up …' : `round ${round} of ${rounds} …`);
    const members = new Map<Site, Map<ScaleRow, BenchMember[]>>();
    for (const site of sites) members.set(site, await drawFor(rows, site));
    // The smallest last: what it needs must be in the buffers, as it would be without the others beside it.
    for (const { client, size } of sites.toReversed()) await warm(client, size);
    const order = round % 2 === 0 ? sites : sites.toReversed();
    for (const row of rows)
      for (const site of order) {
        const spent: number[] = [];
        await runRow(row, site, members.get(site)!.get(row)!, async (task) => {
          const started = performance.now();
          await task();
          spent.push(performance.now() - started);
        });
        if (round > 0) times.get(row)!.get(site.size)!.push(spent);
      }
  }
  return times;
}
