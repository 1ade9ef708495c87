import { Random } from '../../scripts/seed/random.js';
import { SERVERS, type ServerName } from './stage.js';

export const NETWORK_FAULTS = ['cut', 'freeze', 'delay'] as const;

/** A fault. Times in milliseconds; `instance` null means both. */
export type Step =
  | { at: number; what: 'instance'; how: 'kill' | 'pause' | 'terminate' | 'isolate'; instance: number; length: number }
  | { at: number; what: ServerName; how: 'kill'; length: number }
  | { at: number; what: 'postgres'; how: 'crash'; pick: number }
  | { at: number; what: 'redis'; how: 'flush' }
  | {
      at: number;
      what: ServerName;
      how: (typeof NETWORK_FAULTS)[number];
      instance: number | null;
      length: number;
      delay: number;
    };

/** Longest hang of a server, milliseconds. */
const FREEZE: Record<ServerName, number> = { postgres: 9000, redis: 6000, kafka: 9000 };
const DELAY: Record<ServerName, number> = { postgres: 60, redis: 200, kafka: 300 };

/** Faults and their times, deterministic by seed. */
export function plan(seed: string, durationMs: number): Step[] {
  const random = new Random(`${seed}:faults`);
  const steps: Step[] = [];
  // The last seconds are for faults in progress to end.
  for (let at = 1500; at < durationMs - 1000; at += random.int(600, 2500)) steps.push(draw(random, at));
  return steps;
}

function draw(random: Random, at: number): Step {
  const instance = random.int(0, 1);
  const where = random.chance(0.3) ? null : instance;
  const dice = random.int(1, 100);
  if (dice <= 24) return { at, what: 'instance', how: 'kill', instance, length: random.int(100, 1500) };
  if (dice <= 30) return { at, what: 'instance', how: 'pause', instance, length: random.int(500, 6000) };
  if (dice <= 34) return { at, what: 'instance', how: 'terminate', instance, length: random.int(100, 1000) };
  if (dice <= 37) return { at, what: 'instance', how: 'isolate', instance, length: random.int(1000, 9000) };
  if (dice <= 42) return { at, what: 'postgres', how: 'crash', pick: random.bits() };
  if (dice <= 48) return { at, what: 'postgres', how: 'kill', length: random.int(100, 2000) };
  if (dice <= 55) return { at, what: 'redis', how: 'kill', length: random.int(100, 2000) };
  if (dice <= 62) return { at, what: 'kafka', how: 'kill', length: random.int(100, 4000) };
  if (dice <= 68) return { at, what: 'redis', how: 'flush' };
  if (dice <= 78) {
    // Late messages, not lost ones, make a cache stale.
    const delay = random.int(10, DELAY.postgres);
    return { at, what: 'postgres', how: 'delay', instance: where, length: random.int(1000, 4000), delay };
  }
  const what = random.pick(SERVERS);
  const how = random.pick(NETWORK_FAULTS);
  const longest = how === 'freeze' ? FREEZE[what] : 4000;
  return { at, what, how, instance: where, length: random.int(300, longest), delay: random.int(10, DELAY[what]) };
}

export function describe(step: Step): string {
  const where = 'instance' in step ? (step.instance === null ? ', both' : `, ${step.instance}`) : '';
  const length = 'length' in step ? ` for ${step.length} ms` : '';
  const delay = step.how === 'delay' ? ` by ${step.delay} ms` : '';
  return `${step.how} ${step.what}${where}${delay}${length}`;
}
