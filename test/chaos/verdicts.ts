import type { Disturbances, Kind } from './disturbances.js';
import type { Attempt, Outcome } from './gateway.js';

/** Answers of an operation that are right. */
export interface Expected {
  statuses: number[];
  /** Right as well where an attempt before may have done the work already. */
  afterDoubt?: number[];
}

/** Milliseconds after which Meetinity's gateway no longer listens. A crowded machine is late, so this is counted and no more. */
const LATE_MS = 8000;
const MAX_EXAMPLE_ENTRIES = 30;
/** Operations for which a password is hashed. */
const HASHING = /^(register|log in|erase)/;

/** Judges every single answer, and counts what else is found to be wrong. */
export class Verdicts {
  /** Answers by operation and outcome. */
  readonly outcomes = new Map<string, Map<Outcome, number>>();
  readonly problems = new Map<string, number>();
  readonly examples: string[] = [];
  /** Attempts that failed within the windows in which they may. */
  excused = 0;
  /** Answers later than the gateway waits; what exceeds the campaign's own patience is a time-out, and a problem. */
  late = 0;

  private readonly began = performance.now();

  constructor(private readonly disturbances: Disturbances) {}

  /** @returns whether the answer is one of the expected ones */
  judge(operation: string, attempt: Attempt, expected: Expected, doubt: boolean): boolean {
    const { outcome, instance, from, to } = attempt;
    const counts = this.outcomes.get(operation) ?? new Map<Outcome, number>();
    this.outcomes.set(operation, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    const detail = () =>
      `${operation} at instance ${instance}: ${outcome} ${JSON.stringify(attempt.body)?.slice(0, 200)} after ${Math.round(to - from)} ms`;
    if (to - from > LATE_MS && !this.disturbances.touched(['paused'], instance, from, to)) this.late += 1;
    const right = doubt ? [...expected.statuses, ...(expected.afterDoubt ?? [])] : expected.statuses;
    if (typeof outcome === 'number' && right.includes(outcome)) return true;
    if (this.excuses(operation, outcome, attempt)) this.excused += 1;
    else this.problem(`unexpected ${this.kindOf(outcome)}`, detail());
    return false;
  }

  /** Counts something that must not be. */
  problem(name: string, example: string): void {
    this.problems.set(name, (this.problems.get(name) ?? 0) + 1);
    const seconds = ((performance.now() - this.began) / 1000).toFixed(1);
    if (this.examples.length < MAX_EXAMPLE_ENTRIES) this.examples.push(`${seconds} s, ${name}: ${example}`);
  }

  get failed(): boolean {
    return this.problems.size > 0;
  }

  /**
   * A connection may only fail while the instance is down, 503 only comes while PostgreSQL is away from that instance, or slow:
   * to make a connection takes many round trips, which on a crowded machine come to more than its limit. 429 may also come
   * from the other instance: what hangs or is frozen half-way holds locks on rows. Where passwords are hashed it is the answer
   * to a queue too long for the machine, which may be a slow one.
   */
  private excuses(operation: string, outcome: Outcome, { instance, from, to }: Attempt): boolean {
    const during = (kinds: Kind[], where: number | null) => this.disturbances.touched(kinds, where, from, to);
    if (outcome === 'refused' || outcome === 'broken') return during(['down'], instance);
    if (outcome === 'timeout') return during(['paused'], instance);
    if (outcome === 503) return during(['postgres', 'slow postgres'], instance);
    if (outcome === 429)
      return HASHING.test(operation) || during(['postgres', 'slow postgres', 'paused', 'down'], null);
    return false;
  }

  private kindOf(outcome: Outcome): string {
    if (typeof outcome === 'string') return outcome === 'timeout' ? 'time-out' : 'broken connection';
    return outcome >= 500 ? `5xx (${outcome})` : `status ${outcome}`;
  }
}
