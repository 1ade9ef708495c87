import type { Attempt, Call, Gateway } from '../gateway.js';
import { createMembers, type Member, round, SteadyLoad } from './load.js';

/** Separate members for measurements, which the load does not change. */
const PROBE_ATTEMPTS = 2;

/** Reads and writes of profiles in turn; counts unexpected answers by phase. */
export class MixedLoad {
  readonly load: SteadyLoad;
  readonly unexpected = new Map<string, number>();
  /** Expected statuses besides 200. */
  expected: { read: number[]; write: number[] } = { read: [], write: [] };

  private constructor(
    private readonly gateway: Gateway,
    private readonly members: Member[],
    readonly probes: Member[],
    rate: number,
  ) {
    this.load = new SteadyLoad(rate, (n) => this.request(n));
  }

  /** @param rate requests a second */
  static async create(gateway: Gateway, rate: number): Promise<MixedLoad> {
    const members = await createMembers(gateway, 100 + PROBE_ATTEMPTS);
    return new MixedLoad(gateway, members.slice(PROBE_ATTEMPTS), members.slice(0, PROBE_ATTEMPTS), rate);
  }

  /** Changes the profile of a separate member at one instance. */
  write(instance: number): Promise<Attempt> {
    return this.gateway.once(this.changeOf(this.probes[instance]!, performance.now()), instance);
  }

  /** Milliseconds from `since` until a write at the instance succeeds; Infinity after the limit. */
  async recovery(instance: number, since: number, limit: number, works: (attempt: Attempt) => Promise<boolean>) {
    for (;;) {
      const attempt = await this.write(instance);
      if (await works(attempt)) return round(attempt.to - since);
      if (performance.now() - since > limit) return Infinity;
    }
  }

  private async request(n: number): Promise<Attempt> {
    // Of the moment it was sent and of that it was answered: a phase ends while some are on their way.
    const { expected } = this;
    const member = this.members[Math.floor(n / 4) % this.members.length]!;
    const reads = n % 2 === 0;
    const read: Call = { operation: 'read', method: 'GET', path: '/users/profile', token: member.token };
    const attempt = await this.gateway.once(reads ? read : this.changeOf(member, n), Math.floor(n / 2) % 2);
    const right = [
      200,
      ...(reads ? expected.read : expected.write),
      ...(reads ? this.expected.read : this.expected.write),
    ];
    if (!right.includes(attempt.outcome as number)) {
      const name = `${reads ? 'read' : 'write'} ${attempt.outcome}`;
      this.unexpected.set(name, (this.unexpected.get(name) ?? 0) + 1);
    }
    return attempt;
  }

  private changeOf({ token }: Member, n: number): Call {
    return { operation: 'write', method: 'PUT', path: '/users/profile', token, body: { bio: `${n}` } };
  }
}
