import { Client } from 'pg';
import type { BenchMember } from '../lib/members.js';
import { cleanUp } from './job-rows.js';
import { drawMembers, findAdmin, warm } from './members.js';
import type { ScaleRow, Site, Task } from './row.js';
import type { Size } from './stage.js';

/** By row and then by size: the milliseconds of each task, round by round. */
export type Times = Map<ScaleRow, Map<Size, number[][]>>;

export async function openSite(size: Size): Promise<Site & { close(): Promise<void> }> {
  const { DataSource } = await import('typeorm');
  const { databaseOptions } = await import('../../src/database/connection-options.js');
  const { entities } = await import('../../src/entities.js');
  const pair = await size.start();
  const database = await new DataSource({ ...databaseOptions(size.settings), entities, poolSize: 3 }).initialize();
  const client = new Client({ connectionString: size.url });
  await client.connect();
  const admin = await findAdmin(client, size);
  // Rows that have become due since the folder was created.
  await cleanUp(database);
  // The state after autovacuum.
  await client.query('VACUUM (ANALYZE)');
  const runner = database.createQueryRunner();
  const close = async () => {
    await runner.release();
    await database.destroy();
    await client.end();
    await Promise.all([pair.service.stop(), pair.plain.stop()]);
  };
  return { ...pair, size, database, runner, client, admin, close };
}

/** The tasks of one row, ready to be run; `end` undoes what they change where the row says so. */
export async function begin(row: ScaleRow, site: Site, members: BenchMember[]) {
  const { runner } = site;
  if (row.prepare) {
    await runner.startTransaction();
    await runner.query(row.prepare);
  }
  const tasks = await row.tasks(site, members);
  const end = async () => {
    if (row.prepare) await runner.rollbackTransaction();
  };
  return { tasks, end };
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
 * One request at a time, and each in turn at every size, so that what else the machine does meets all sizes alike. The first
 * round warms the processes up and is not kept.
 */
export async function measure(sites: Site[], rows: ScaleRow[], rounds: number, log: (line: string) => void) {
  const times: Times = new Map(rows.map((row) => [row, new Map(sites.map(({ size }) => [size, []]))]));
  for (let round = 0; round <= rounds; round += 1) {
    log(round === 0 ? 'warming up …' : `round ${round} of ${rounds} …`);
    const members = new Map<Site, Map<ScaleRow, BenchMember[]>>();
    for (const site of sites) members.set(site, await drawFor(rows, site));
    // Rolled back by earlier rounds, but still found by the cleanup's index scan.
    for (const { client } of sites) await client.query('VACUUM (INDEX_CLEANUP ON) user_sessions, outbox_events');
    // The smallest last: its pages must be in the buffers, as they would be without the others.
    for (const { client, size } of sites.toReversed()) await warm(client, size);
    for (const row of rows) {
      const spent = await inTurn(row, sites, members);
      if (round > 0) for (const [{ size }, milliseconds] of spent) times.get(row)!.get(size)!.push(milliseconds);
    }
  }
  return times;
}

async function inTurn(row: ScaleRow, sites: Site[], members: Map<Site, Map<ScaleRow, BenchMember[]>>) {
  const begun: [Site, Task[], () => Promise<void>, number[]][] = [];
  for (const site of sites) {
    const { tasks, end } = await begin(row, site, members.get(site)!.get(row)!);
    begun.push([site, tasks, end, []]);
  }
  for (let turn = 0; turn < begun[0]![1].length; turn += 1)
    for (const [, tasks, , spent] of turn % 2 === 0 ? begun : begun.toReversed()) {
      const started = performance.now();
      await tasks[turn]!();
      spent.push(performance.now() - started);
    }
  for (const [, , end] of begun) await end();
  return begun.map(([site, , , spent]) => [site, spent] as const);
}
