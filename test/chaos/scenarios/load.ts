import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../../bench/lib/quantiles.js';
import type { Attempt, Call, Gateway } from '../gateway.js';

export interface Member {
  id: string;
  token: string;
}

/** Signed-in people, registered through the API. */
export async function createMembers(gateway: Gateway, count: number, name = 'member'): Promise<Member[]> {
  const members: Member[] = [];
  for (let n = 0; n < count; n += 1) {
    const body = { name: 'Member', email: `${name}-${n}@chaos.example`, password: 'correct horse battery staple' };
    const call: Call = { operation: 'register', method: 'POST', path: '/auth/register', body };
    const { outcome, body: answer } = await gateway.once(call, n % 2);
    if (outcome !== 201) throw new Error(`registration answered ${outcome}: ${JSON.stringify(answer)}`);
    members.push({ id: answer.user.id, token: answer.access_token });
  }
  return members;
}

/** Answers of one phase. Times in milliseconds. */
export class Samples {
  private readonly times: number[] = [];
  readonly failures = new Map<string, number>();
  private readonly begun = performance.now();
  private ended = 0;

  add({ outcome, from, to }: Pick<Attempt, 'outcome' | 'from' | 'to'>): void {
    this.times.push(to - from);
    if (outcome !== 200) this.failures.set(String(outcome), (this.failures.get(String(outcome)) ?? 0) + 1);
  }

  end(): void {
    this.ended = performance.now();
  }

  summary() {
    const requests = this.times.length;
    const at = (part: number) => (requests === 0 ? 0 : round(quantile(this.times, part)));
    return {
      requests,
      rate: round(requests / (((this.ended || performance.now()) - this.begun) / 1000)),
      p50: at(0.5),
      p99: at(0.99),
      max: at(1),
      failed: [...this.failures.values()].reduce((sum, count) => sum + count, 0),
      failures: Object.fromEntries(this.failures),
    };
  }
}

export type Summary = ReturnType<Samples['summary']>;

/**
 * A steady open-loop load: it does not wait for answers, so that slow ones do not lower the rate. Each answer counts
 * for the phase in which its request was sent.
 */
export class SteadyLoad {
  private samples = new Samples();
  private stopping = false;
  private readonly running = new Set<Promise<void>>();
  private loop: Promise<void> = Promise.resolve();

  /** @param rate requests a second */
  constructor(
    private readonly rate: number,
    private readonly request: (n: number) => Promise<Pick<Attempt, 'outcome' | 'from' | 'to'>>,
  ) {}

  start(): void {
    this.loop = this.run();
  }

  /** Starts a phase and returns the previous one. */
  next(): Samples {
    const { samples } = this;
    samples.end();
    this.samples = new Samples();
    return samples;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.loop;
    await Promise.all(this.running);
  }

  private async run(): Promise<void> {
    const begun = performance.now();
    for (let n = 0; !this.stopping; n += 1) {
      const wait = begun + (n * 1000) / this.rate - performance.now();
      if (wait > 0) await sleep(wait);
      const { samples } = this;
      const work = this.measure(n, samples).finally(() => this.running.delete(work));
      this.running.add(work);
    }
  }

  private async measure(n: number, samples: Samples): Promise<void> {
    samples.add(await this.request(n));
  }
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function phaseTable(phases: Record<string, Summary>): string {
  const head = ['phase', 'requests', 'a second', 'p50 ms', 'p99 ms', 'max ms', 'failed'];
  const rows = Object.entries(phases).map(([name, phase]) => [
    name,
    ...[phase.requests, phase.rate, phase.p50, phase.p99, phase.max].map(String),
    phase.failed === 0 ? '0' : `${phase.failed} ${JSON.stringify(phase.failures)}`,
  ]);
  const widths = head.map((_, n) => Math.max(...[head, ...rows].map((row) => row[n]!.length)));
  return [head, ...rows].map((row) => row.map((cell, n) => cell.padEnd(widths[n]!)).join('  ')).join('\n');
}
