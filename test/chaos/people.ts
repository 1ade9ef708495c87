import type { Random } from '../../scripts/seed/random.js';

/** A number that goes up with each change, written into a field; the record of what was sent and what was acknowledged. */
export class Sequence {
  sent = 0;
  /** The last acknowledged number, and when (milliseconds of `performance.now()`). */
  acknowledged = 0;
  acknowledgedAt = 0;
  /** How many different numbers were acknowledged. */
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
  /** Access tokens of before the last refreshes, still good. */
  earlier: string[];
  /** Its end has been asked for: from now on nobody can say what it is good for, until that is acknowledged. */
  ending: boolean;
  /** When a refresh was first tried whose answer was lost. */
  refreshingSince: number | null;
}

type State = 'new' | 'active' | 'deactivating' | 'inactive' | 'reactivating' | 'erasing' | 'erased';

/** One user of the campaign, and everything the service has promised them. */
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
  /** Nothing of this person is changed any more. */
  resting = false;
  /** An operation is on its way. */
  busy = false;
  /** The operation that may have done its work without an answer. */
  doubt: string | null = null;

  constructor(readonly name: string) {
    this.email = `${name}@chaos.example`;
  }

  /** One thing has to be done before any other: what was begun has to be finished, or a sign-in is needed. */
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

/** All of them, and the tokens that must never work again. */
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

  /** One that nobody works on just now, some far more often than others; undefined where a few tries do not find one. */
  idle(random: Random): Person | undefined {
    for (let tries = 0; tries < 20 && this.all.length > 0; tries += 1) {
      const person = random.pickSkewed(this.all);
      if (!person.busy && !person.resting && person.state !== 'erased') return person;
    }
    return undefined;
  }

  /** One to read, most often one that is being changed in this moment or was a moment ago: there a cache can be caught. */
  anyone(random: Random): Person | undefined {
    const dice = random.unit();
    const busy = dice < 0.5 ? this.all.filter((person) => person.busy) : [];
    if (busy.length > 0) return random.pick(busy);
    return dice < 0.75 ? random.pick(this.recent) : random.pick(this.all);
  }

  /** Leaves a person alone from now on, as long as enough others are left. */
  rest(person: Person): void {
    const resting = this.all.filter((other) => other.resting).length;
    if (person.state === 'active' && person.session && resting < this.all.length * 0.4) person.resting = true;
  }

  /** Notes that somebody is being changed. */
  touch(person: Person): void {
    this.recent.unshift(person);
    this.recent.length = Math.min(this.recent.length, 30);
  }

  /** Notes that a session's end was acknowledged. */
  end(person: Person): void {
    const { session } = person;
    if (!session) return;
    this.revoked.push(session.access, ...session.earlier);
    this.revokedRefresh.push(session.refresh);
    person.session = null;
  }
}
