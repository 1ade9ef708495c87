import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../scripts/seed/random.js';
import type { Disturbances, Kind } from './disturbances.js';
import type { Call, Gateway } from './gateway.js';
import type { Operations } from './operations.js';
import { type People, readBio, readInterests, type Sequence } from './people.js';
import type { Verdicts } from './verdicts.js';

const MAX_USERS = 300;
/** Concurrent operations; at the limit, writers wait. */
const MAX_CONNECTIONS = 40;
const ANY: Kind[] = ['down', 'paused', 'postgres', 'slow postgres', 'redis', 'kafka'];
/** Time after the last fault until a cache may hold a stale value. */
const RECOVERY_MS = 10_000;
/** Time after a change until no answer may be stale, longer than the longest fault. */
const MAX_STALE_MS = 15_000;

interface Parts {
  gateway: Gateway;
  operations: Operations;
  people: People;
  verdicts: Verdicts;
  disturbances: Disturbances;
  random: Random;
}

/** Reads that returned an older value than the last one acknowledged before they started. */
export interface StaleReads {
  count: number;
  /** Milliseconds after the acknowledgement. */
  longest: number;
}

/** Writers at a steady rate and readers beside them, until `stop`. */
export class Traffic {
  readonly stale: StaleReads = { count: 0, longest: 0 };
  operations = 0;
  reads = 0;
  private stopping = false;
  private readonly running = new Set<Promise<void>>();
  private loops: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: Parts) {}

  /** @param rate operations a second */
  start(rate: number, readers: number): void {
    this.loops = Promise.all([this.write(rate), ...Array.from({ length: readers }, () => this.read())]);
  }

  /** Waits for operations in flight. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.loops;
    await Promise.all(this.running);
  }

  private async write(rate: number): Promise<void> {
    const { people, random } = this.parts;
    for (let due = performance.now(); !this.stopping; due = Math.max(due + 1000 / rate, performance.now() - 1000)) {
      if (due > performance.now()) await sleep(due - performance.now());
      if (this.running.size >= MAX_CONNECTIONS) continue;
      const wanted = people.all.length < 20 || (people.all.length < MAX_USERS && random.chance(0.08));
      const person = wanted ? people.add() : people.idle(random);
      if (!person) continue;
      person.busy = true;
      people.touch(person);
      this.operations += 1;
      const work = this.parts.operations.next(person).finally(() => {
        person.busy = false;
        this.running.delete(work);
      });
      this.running.add(work);
    }
  }

  private async read(): Promise<void> {
    const { people, random } = this.parts;
    while (!this.stopping) {
      await sleep(random.int(5, 40));
      if (random.chance(0.2) && people.revoked.length > 0) await this.tryRevoked(random.pick(people.revoked));
      else await this.readSomebody();
      this.reads += 1;
    }
  }

  private async tryRevoked(token: string): Promise<void> {
    const { gateway, verdicts, random } = this.parts;
    const call: Call = { operation: 'revoked token', method: 'GET', path: '/users/profile', token };
    const attempt = await gateway.once(call, random.int(0, 1));
    if (attempt.outcome === 200) verdicts.problem('revoked session works', `at instance ${attempt.instance}`);
    verdicts.judge(call.operation, attempt, { statuses: [200, 401] }, false);
  }

  private async readSomebody(): Promise<void> {
    const { people, random, gateway, verdicts } = this.parts;
    const person = people.anyone(random);
    const session = person?.session;
    if (!person || !session || session.ending || person.state !== 'active') return;
    const profile = random.chance(0.6);
    const sequence = profile ? person.bio : person.interests;
    const { acknowledged, acknowledgedAt } = sequence;
    const [operation, path] = profile
      ? (['read profile', '/users/profile'] as const)
      : (['read preferences', '/users/preferences'] as const);
    const attempt = await gateway.once({ operation, method: 'GET', path, token: session.access }, random.int(0, 1));
    const ended = session.ending || person.session !== session;
    if (!verdicts.judge(operation, attempt, { statuses: ended ? [200, 401] : [200] }, false)) return;
    if (attempt.outcome !== 200) return;
    const value = profile ? readBio(person, attempt.body?.bio) : readInterests(attempt.body?.interests);
    this.compare(value, { sequence, acknowledged, acknowledgedAt }, `${person.name}, ${operation}`);
  }

  private compare(
    value: number | null,
    { sequence, acknowledged, acknowledgedAt }: { sequence: Sequence; acknowledged: number; acknowledgedAt: number },
    what: string,
  ): void {
    const { verdicts, disturbances } = this.parts;
    if (value === null || value > sequence.sent) verdicts.problem('value that was never sent', what);
    else if (value < acknowledged) {
      const now = performance.now();
      this.stale.count += 1;
      this.stale.longest = Math.max(this.stale.longest, now - acknowledgedAt);
      if (now - acknowledgedAt > MAX_STALE_MS)
        verdicts.problem('stale answer 15 s after the change', `${what}: ${value} after ${acknowledged}`);
      else if (!disturbances.touched(ANY, null, acknowledgedAt, now, RECOVERY_MS))
        verdicts.problem('stale answer while nothing was wrong', `${what}: ${value} after ${acknowledged}`);
    }
  }
}
