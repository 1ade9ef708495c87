import type { CacheFindings } from './checks/caches.js';
import type { EventFindings } from './checks/events.js';
import type { InstanceFindings } from './checks/instances.js';
import type { PromiseFindings } from './checks/promises.js';
import type { StaleReads } from './traffic.js';

export interface Result {
  seed: string;
  seconds: number;
  kills: number;
  faults: Record<string, number>;
  people: number;
  operations: number;
  reads: number;
  /** Answers by operation and status. */
  outcomes: Record<string, Record<string, number>>;
  excused: number;
  late: number;
  drainSeconds: number;
  /** Events that were not published in time. */
  waiting: number;
  events: EventFindings;
  promises: PromiseFindings;
  caches: CacheFindings;
  answers: InstanceFindings;
  staleReads: StaleReads;
  problems: Record<string, number>;
  examples: string[];
}

interface Line {
  name: string;
  count: number;
  /** Whether the count must be 0. */
  strict: boolean;
  note?: string;
}

const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);

export function linesOf(result: Result): Line[] {
  const { events, promises, caches, answers, staleReads } = result;
  const must = (name: string, count: number, note?: string): Line => ({ name, count, strict: true, note });
  const info = (name: string, count: number, note?: string): Line => ({ name, count, strict: false, note });
  return [
    info('kill -9', result.kills),
    ...Object.entries(result.faults).map(([name, count]) => info(`  ${name}`, count)),
    info('people', result.people),
    info('operations', result.operations),
    info('reads', result.reads),
    info('acknowledged changes', promises.acknowledged),
    info('answers excused by a disturbance', result.excused),
    info('answers after more than 8 s', result.late, 'of an instance that was not stopped'),
    info('events committed', events.events, `${events.security} of them security events`),
    info('messages read from Kafka', events.messages),
    must('lost: acknowledged changes', promises.lost.length),
    must('lost: committed events', events.lost.length),
    must('lost: events still waiting', result.waiting, `drained after ${result.drainSeconds.toFixed(1)} s`),
    must('lost: events parked', events.parked),
    must('reordered', events.reordered.length),
    must('repeated after a later event', events.trailing.length),
    info('duplicated', events.duplicated, 'at least once; known by event_id'),
    must('surplus: changes without a request', promises.surplus.length),
    must('surplus: messages of no change', events.phantom.length),
    must('stale: cache entries', caches.stale.length, `of ${caches.entries}`),
    must('stale: answers at the end', answers.stale.length, `of ${answers.compared}`),
    info(
      'stale: answers during faults',
      staleReads.count,
      `at most ${Math.round(staleReads.longest)} ms after the change`,
    ),
    must('revoked sessions that work', answers.revived, `of ${answers.tokensTried} tokens`),
    must('unexpected', total(result.problems)),
    ...Object.entries(result.problems).map(([name, count]) => must(`  ${name}`, count)),
  ];
}

export function failed(result: Result): boolean {
  return linesOf(result).some(({ strict, count }) => strict && count > 0);
}

export function toTable(result: Result): string {
  const rows = linesOf(result).map(({ name, count, strict, note }) => {
    const verdict = !strict ? '' : count === 0 ? 'ok' : 'FAILED';
    return `${name.padEnd(42)} ${String(count).padStart(8)}  ${verdict.padEnd(7)}${note ?? ''}`.trimEnd();
  });
  const { events, promises, caches, answers, examples } = result;
  const found = [
    ...examples,
    ...promises.lost,
    ...promises.surplus,
    ...events.lost,
    ...events.reordered,
    ...events.trailing,
    ...caches.stale,
    ...answers.stale,
  ];
  const head = `seed ${result.seed}, ${result.seconds.toFixed(0)} s`;
  return [head, ...rows, ...found.slice(0, 40).map((line) => `! ${line}`)].join('\n');
}

export function statusTable(result: Result): string {
  return Object.entries(result.outcomes)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, counts]) => {
      const cells = Object.entries(counts).map(([outcome, count]) => `${outcome}: ${count}`);
      return `${name.padEnd(24)} ${cells.join('  ')}`;
    })
    .join('\n');
}
