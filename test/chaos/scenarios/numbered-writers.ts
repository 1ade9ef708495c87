import type { UserRow } from '../checks/database.js';
import type { Call, Gateway, Outcome } from '../gateway.js';
import type { Member } from './load.js';

/**
 * Members who each change their profile, one numbered change after the other, so that the last acknowledged change of each is
 * known. A refused or broken change is repeated under the next number.
 */
export class NumberedWriters {
  private readonly acknowledged = new Map<string, number>();
  /** When changes were acknowledged. */
  private readonly times: number[] = [];
  private stopping = false;
  private running: Promise<unknown> = Promise.resolve();
  readonly outcomes = new Map<Outcome, number>();

  constructor(
    private readonly gateway: Gateway,
    private readonly members: Member[],
  ) {}

  start(): void {
    this.times.push(performance.now());
    this.running = Promise.all(this.members.map((member, n) => this.run(member, n)));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  get changes(): number {
    return this.times.length - 1;
  }

  /** The longest time without an acknowledged change of any member. */
  secondsWithoutWrites(): number {
    const gaps = this.times.slice(1).map((time, n) => time - this.times[n]!);
    return Math.round(Math.max(...gaps)) / 1000;
  }

  /** Acknowledged changes that the rows lack. */
  lost(rows: UserRow[]): string[] {
    const bios = new Map(rows.map(({ id, bio }) => [id, Number(bio ?? 0)]));
    return [...this.acknowledged]
      .filter(([id, last]) => !(bios.get(id)! >= last))
      .map(([id, last]) => `${id}: ${last}`);
  }

  /** Answers of each instance that differ from the rows. */
  async stale(rows: UserRow[], instances: number): Promise<string[]> {
    const bios = new Map(rows.map(({ id, bio }) => [id, bio]));
    const found: string[] = [];
    for (const { id, token } of this.members)
      for (let instance = 0; instance < instances; instance += 1) {
        const read: Call = { operation: 'read', method: 'GET', path: '/users/profile', token };
        const { outcome, body } = await this.gateway.once(read, instance);
        if (outcome !== 200 || body.bio !== bios.get(id)) found.push(`${id} at ${instance}: ${outcome} ${body?.bio}`);
      }
    return found;
  }

  private async run({ id, token }: Member, first: number): Promise<void> {
    for (let n = 1; !this.stopping; n += 1) {
      const call: Call = { operation: 'write', method: 'PUT', path: '/users/profile', token, body: { bio: `${n}` } };
      const { outcome, to } = await this.gateway.once(call, (first + n) % 2);
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
      if (outcome !== 200) continue;
      this.acknowledged.set(id, n);
      this.times.push(to);
    }
  }
}
