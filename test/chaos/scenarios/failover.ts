import { setTimeout as sleep } from 'node:timers/promises';
import { readRows, waitingEvents } from '../checks/database.js';
import { checkEvents } from '../checks/events.js';
import { readTopics } from '../checks/topic.js';
import { Gateway } from '../gateway.js';
import type { Instance } from '../instance.js';
import type { Stage } from '../stage.js';
import { createMembers, phaseTable, type Summary } from './load.js';
import { MixedLoad } from './mixed-load.js';
import { NumberedWriters } from './numbered-writers.js';
import type { ScenarioResult } from './scenario.js';

/** Requests a second, half of them changes. */
const REQUESTS_PER_SECOND = 60;
const DRAIN_LIMIT_MS = 30_000;

export interface Failover {
  title: string;
  /** Minutes of each of the phases before and after. */
  minutes: number;
  /** Status codes that are right besides 200 until the fail-over is over. */
  expected: MixedLoad['expected'];
  /** What the requests go to: the instances, or a proxy in front of them. */
  targets: { url: string }[];
  /** Resolves when it is over. @returns further figures */
  work(mixed: MixedLoad): Promise<Record<string, unknown>>;
  /** The primary afterwards. */
  database(): string;
}

/**
 * A fail-over under load: how long no change went through, and whether an acknowledged change, an event or a cached answer was
 * lost or wrong.
 */
export async function measureFailover(stage: Stage, failover: Failover): Promise<ScenarioResult> {
  const { title, minutes, expected, targets, work, database } = failover;
  const gateway = new Gateway(targets as Instance[]);
  const mixed = await MixedLoad.create(gateway, REQUESTS_PER_SECOND);
  const { load } = mixed;
  const writers = new NumberedWriters(gateway, await createMembers(gateway, 4, 'writer'));
  const phases: Record<string, Summary> = {};
  load.start();
  await sleep(5000);
  load.next();
  writers.start();
  await sleep(minutes * 60_000);
  phases.before = load.next().summary();
  mixed.expected = expected;
  const figures = await work(mixed).catch(async (error: unknown) => {
    await Promise.all([writers.stop(), load.stop()]);
    throw error;
  });
  phases['fail-over'] = load.next().summary();
  mixed.expected = { read: [], write: [] };
  await sleep(minutes * 60_000);
  phases.after = load.next().summary();
  await writers.stop();
  await load.stop();
  const url = database();
  for (const end = performance.now() + DRAIN_LIMIT_MS; (await waitingEvents(url)) > 0; await sleep(50))
    if (performance.now() > end) break;
  const rows = await readRows(url);
  const found = checkEvents(rows.outbox, await readTopics(stage.direct.kafka, stage.topic));
  const lost = [...writers.lost(rows.users), ...found.lost];
  const stale = await writers.stale(rows.users, targets.length);
  gateway.close();
  const outcomes = Object.fromEntries(writers.outcomes);
  const right = new Set([200, ...expected.write].map(String));
  const unexpected = Object.fromEntries(mixed.unexpected);
  for (const [outcome, count] of Object.entries(outcomes))
    if (!right.has(outcome)) unexpected[`numbered write ${outcome}`] = count;
  const deaths = stage.instances.flatMap((instance) => instance.deaths);
  const data = {
    phases,
    secondsWithoutWrites: writers.secondsWithoutWrites(),
    changes: writers.changes,
    outcomes,
    lost: lost.length,
    stale: stale.length,
    reordered: found.reordered.length,
    unexpected,
    deaths: deaths.length,
    ...figures,
  };
  const wrong = [...lost, ...stale, ...found.reordered, ...Object.keys(unexpected), ...deaths];
  return {
    text: [
      title,
      phaseTable(phases),
      `without writes: ${data.secondsWithoutWrites} s; ${JSON.stringify(figures)}`,
      `acknowledged changes: ${data.changes}, lost ${lost.length}; events: ${found.events}, lost ${found.lost.length}, reordered ${data.reordered}, repeated ${found.duplicated}`,
      `stale answers: ${stale.length}, unexpected: ${JSON.stringify(unexpected)}`,
      ...wrong.slice(0, 10).map((example) => `  ${JSON.stringify(example)}`),
    ].join('\n'),
    data,
    failed: wrong.length > 0,
  };
}
