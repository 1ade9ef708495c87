import type { Random } from '../../scripts/seed/random.js';

/** A number that grows with each change of a field; records the sent and the acknowledged ones. */
export class Sequence {
  sent = 0;
  /** The last acknowledged number, and when (milliseconds of `performance.now()`). */
  acknowledged = 0;
  acknowledgedAt = 0;
  /** Count of acknowledged numbers. */
  count = 0;

  next(): number {
    this.sent += 1;
    return this.sent;
  }

  acknowledge(value: number): void {
    if (value <= this.acknowledged) return;
    this.acknowledged = value;
    this.acknowledgedAt = performance.now();
    this.count += 1;
  }
}

/** A signed-in session. */
export interface Session {
  access: string;
  refresh: string;
  /** Access tokens from before the last refreshes, still valid. */
  earlier: string[];
  /** Its revocation was requested but not acknowledged: its tokens may or may not work. */
  ending: boolean;
  /** First attempt of a refresh whose answer was lost. */
  refreshingSince: number | null;
}

type State = 'new' | 'active' | 'deactivating' | 'inactive' | 'reactivating' | 'erasing' | 'erased';

/** A user of the campaign with all acknowledged changes. */
export class Person {
  readonly email: string;
  readonly password = 'correct horse battery staple';
  id = '';
  state: State = 'new';
  session: Session | null = null;
  readonly bio = new Sequence();
  readonly interests = new Sequence();
  /** Changes of `is_active`, each acknowledged before the next is tried. */
  readonly activity = new Sequence();
  /** Not changed any more. */
  resting = false;
  /** An operation is in flight. */
  busy = false;
  /** An unanswered operation, which may have succeeded. */
  doubt: string | null = null;

  constructor(readonly name: string) {
    this.email = `${name}@chaos.example`;
  }

  /** An unfinished operation or a sign-in must come first. */
  get owes(): boolean {
    if (this.state === 'erased') return false;
    return this.state !== 'active' || !this.session || this.session.ending || this.session.refreshingSince !== null;
  }
}

/** Text of a sequence number in a profile, and back; 0 for a field that was never set, null for something else. */
export const bioOf = (person: Person, value: number) => `${person.name} says ${value}`;
export function readBio(person: Person, bio: unknown): number | null {
  if (bio === null || bio === undefined) return 0;
  const match = /^(?<name>\S+) says (?<value>\d+)$/.exec(String(bio));
  return match?.groups?.name === person.name ? Number(match.groups.value) : null;
}

export const interestsOf = (value: number) => [`topic ${value}`];
export function readInterests(interests: unknown): number | null {
  if (!Array.isArray(interests)) return null;
  if (interests.length === 0) return 0;
  const match = /^topic (?<value>\d+)$/.exec(String(interests[0]));
  return match?.groups ? Number(match.groups.value) : null;
}

/** All people, and the revoked tokens. */
export class People {
  readonly all: Person[] = [];
  private readonly recent: Person[] = [];
  /** Access tokens of sessions whose end was acknowledged. */
  readonly revoked: string[] = [];
  readonly revokedRefresh: string[] = [];

  add(): Person {
    const person = new Person(`person-${this.all.length + 1}`);
    this.all.push(person);
    return person;
  }

  /** An idle person, with a skewed distribution; undefined after a few attempts. */
  idle(random: Random): Person | undefined {
    for (let tries = 0; tries < 20 && this.all.length > 0; tries += 1) {
      const person = random.pickSkewed(this.all);
      if (!person.busy && !person.resting && person.state !== 'erased') return person;
    }
    return undefined;
  }

  /** A person to read, mostly one with a recent or concurrent change, where a cache may be stale. */
  anyone(random: Random): Person | undefined {
    const dice = random.unit();
    const busy = dice < 0.5 ? this.all.filter((person) => person.busy) : [];
    if (busy.length > 0) return random.pick(busy);
    return dice < 0.75 ? random.pick(this.recent) : random.pick(this.all);
  }

  /** Stops changing a person while enough others are left. */
  rest(person: Person): void {
    const resting = this.all.filter((other) => other.resting).length;
    if (person.state === 'active' && person.session && resting < this.all.length * 0.4) person.resting = true;
  }

  /** Records that a person is being changed. */
  touch(person: Person): void {
    this.recent.unshift(person);
    this.recent.length = Math.min(this.recent.length, 30);
  }

  /** Records that a revocation was acknowledged. */
  end(person: Person): void {
    const { session } = person;
    if (!session) return;
    this.revoked.push(session.access, ...session.earlier);
    this.revokedRefresh.push(session.refresh);
    person.session = null;
  }
}
