import type { Disturbances, Kind } from './disturbances.js';
import type { Attempt, Outcome } from './gateway.js';

/** Expected answers of an operation. */
export interface Expected {
  statuses: number[];
  /** Also expected if an earlier attempt may have succeeded. */
  afterDoubt?: number[];
}

/** The gateway's timeout. Only counted, because a busy machine is slow. */
const LATE_MS = 8000;
const MAX_EXAMPLE_ENTRIES = 30;
/** Operations for which a password is hashed. */
const HASHING = /^(register|log in|erase)/;

/** Checks every answer and counts other problems. */
export class Verdicts {
  /** Answers by operation and outcome. */
  readonly outcomes = new Map<string, Map<Outcome, number>>();
  readonly problems = new Map<string, number>();
  readonly examples: string[] = [];
  /** Failed attempts that a fault excuses. */
  excused = 0;
  /** Answers after the gateway's timeout; exceeding the campaign's own timeout is a problem. */
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

  /** Counts a problem. */
  problem(name: string, example: string): void {
    this.problems.set(name, (this.problems.get(name) ?? 0) + 1);
    const seconds = ((performance.now() - this.began) / 1000).toFixed(1);
    if (this.examples.length < MAX_EXAMPLE_ENTRIES) this.examples.push(`${seconds} s, ${name}: ${example}`);
  }

  get failed(): boolean {
    return this.problems.size > 0;
  }

  /**
   * Connections may fail only while the instance is down. 503 is expected only while PostgreSQL is away or slow for it:
   * connecting takes many round trips, which may exceed the limit on a busy machine. 429 may also come
   * from the other instance, because a frozen one holds row locks. For operations that hash passwords, it means that
   * the queue is too long for a slow machine.
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
