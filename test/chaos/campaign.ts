import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../scripts/seed/random.js';
import { Asker } from './asker.js';
import { checkCaches } from './checks/caches.js';
import { readRows, waitingEvents } from './checks/database.js';
import { checkEvents } from './checks/events.js';
import { checkInstances } from './checks/instances.js';
import { checkPromises } from './checks/promises.js';
import { readTopics } from './checks/topic.js';
import { Faults, restoreAll } from './faults.js';
import { Gateway } from './gateway.js';
import { Operations } from './operations.js';
import { People } from './people.js';
import { plan } from './plan.js';
import type { Result } from './report.js';
import { createAdmin } from './setup.js';
import type { Stage } from './stage.js';
import { Traffic } from './traffic.js';
import { Verdicts } from './verdicts.js';

export interface CampaignOptions {
  seed: string;
  minutes: number;
  /** Operations a second. */
  rate: number;
  log: (line: string) => void;
}

/** Milliseconds. */
const MAX_DRAIN_MS = 60_000;
/** Time after the last event until the caches must be consistent. */
const MAX_RECOVERY_MS = 5000;
const READER_CONNECTIONS = 4;

/** Injects faults while people use the service, lets it recover, and compares acknowledged changes with the stored state. */
export async function campaign(stage: Stage, options: CampaignOptions): Promise<Result> {
  const { seed, minutes, rate, log } = options;
  const { direct, disturbances, instances } = stage;
  const random = new Random(`${seed}:traffic`);
  const gateway = new Gateway(instances);
  const people = new People();
  await Promise.all(instances.map((instance) => instance.start()));
  const verdicts = new Verdicts(disturbances);
  const admin = await createAdmin(gateway, stage);
  const operations = new Operations(new Asker(gateway, verdicts), people, random, admin, direct.redis);
  const traffic = new Traffic({ gateway, operations, people, verdicts, disturbances, random });
  const faults = new Faults(stage, log);
  const begun = performance.now();
  traffic.start(rate, READER_CONNECTIONS);
  await faults.run(plan(seed, minutes * 60_000));
  log('everything is restored');
  restoreAll(stage);
  await Promise.all(instances.map((instance) => instance.whenUp()));
  await traffic.stop();
  const seconds = (performance.now() - begun) / 1000;
  // After the windows in which failures are excused.
  await sleep(1500);
  await settle(people, operations, verdicts);
  const restored = performance.now();
  const left = await drained(direct.postgres);
  const drainSeconds = (performance.now() - restored) / 1000;
  log('comparing');
  const rows = await readRows(direct.postgres);
  const first = await healed(direct.redis, people, rows);
  // Reading fills the caches, which are checked again afterwards.
  const answers = await checkInstances(gateway, people, rows, verdicts, random);
  const second = await checkCaches(direct.redis, people.all, rows);
  const caches = { entries: second.entries, others: second.others, stale: [...first.stale, ...second.stale] };
  const messages = await readTopics(direct.kafka, stage.topic);
  const events = checkEvents(rows.outbox, messages);
  const promises = checkPromises(
    people.all,
    rows,
    messages.filter(({ security }) => !security),
  );
  for (const { deaths, badStops, index } of instances) {
    for (const { code, lastWords } of deaths.filter(({ excused }) => !excused))
      verdicts.problem('instance that ended by itself', `${index}, exit ${code}: ${lastWords}`);
    for (const stop of badStops) verdicts.problem('shutdown that went wrong', `${index}: ${stop}`);
  }
  gateway.close();
  return {
    seed,
    seconds,
    kills: faults.kills,
    faults: Object.fromEntries(faults.done),
    people: people.all.length,
    operations: traffic.operations,
    reads: traffic.reads,
    outcomes: Object.fromEntries([...verdicts.outcomes].map(([name, counts]) => [name, Object.fromEntries(counts)])),
    excused: verdicts.excused,
    late: verdicts.late,
    drainSeconds,
    waiting: left,
    events,
    promises,
    caches,
    answers,
    staleReads: traffic.stale,
    problems: Object.fromEntries(verdicts.problems),
    examples: verdicts.examples,
  };
}

/** Finishes pending operations without faults; some people delete their accounts. */
async function settle(people: People, operations: Operations, verdicts: Verdicts): Promise<void> {
  const owing = () => people.all.filter(({ owes }) => owes);
  for (let round = 0; round < 5; round += 1)
    await atMost(8, owing(), async (person) => {
      await operations.next(person);
    });
  for (const person of owing()) verdicts.problem('operation that never succeeds', `${person.name}: ${person.state}`);
  const leaving = people.all.filter(({ state }, n) => state === 'active' && n % 10 === 0);
  await atMost(4, leaving, (person) => operations.erase(person));
}

async function atMost<T>(width: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** @returns the number of unpublished events at the deadline */
async function drained(url: string): Promise<number> {
  for (const end = performance.now() + MAX_DRAIN_MS; ; await sleep(100)) {
    const count = await waitingEvents(url);
    if (count === 0 || performance.now() > end) return count;
  }
}

async function healed(url: string, people: People, rows: Awaited<ReturnType<typeof readRows>>) {
  for (const end = performance.now() + MAX_RECOVERY_MS; ; await sleep(200)) {
    const findings = await checkCaches(url, people.all, rows);
    if (findings.stale.length === 0 || performance.now() > end) return findings;
  }
}
