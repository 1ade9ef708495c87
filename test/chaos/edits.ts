import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Random } from '../../scripts/seed/random.js';
import type { Asker } from './asker.js';
import type { Call } from './gateway.js';
import { bioOf, interestsOf, type People, type Person, type Session } from './people.js';

/** Maximum delay between the readers and the writer of a race. */
const MIN_DISTANCE_MS = 60;

/** Changes profiles and preferences, each to the next number of its sequence. */
export class Edits {
  constructor(
    private readonly asker: Asker,
    private readonly people: People,
    private readonly random: Random,
    private readonly redisUrl: string,
  ) {}

  /** Changes one field, two at once, one twice at once like an early retry, or one during a read. */
  async any(person: Person, session: Session): Promise<void> {
    const dice = this.random.unit();
    if (dice < 0.25) await this.bio(person, session, 1);
    else if (dice < 0.4) await this.interests(person, session);
    else if (dice < 0.55) await Promise.all([this.bio(person, session, 1), this.interests(person, session)]);
    else if (dice < 0.7) await this.bio(person, session, 2);
    else await this.raced(person, session);
  }

  private async bio(person: Person, session: Session, times: number): Promise<void> {
    const value = person.bio.next();
    const bio = bioOf(person, value);
    const call: Call = { operation: 'edit profile', method: 'PUT', path: '/users/profile', body: { bio } };
    const one = async (n: number) => {
      const { outcome, body } = await this.asker.send(person, call, { statuses: [200] }, session, n);
      if (outcome !== 200) return;
      person.bio.acknowledge(value);
      if (body?.bio !== bio) this.asker.verdicts.problem('answer of a change', `${body?.bio} instead of ${bio}`);
    };
    const first = this.random.int(0, 1);
    await Promise.all(Array.from({ length: times }, (_, n) => one(first + n)));
  }

  private async interests(person: Person, session: Session, first?: number): Promise<void> {
    const value = person.interests.next();
    const interests = interestsOf(value);
    const call: Call = {
      operation: 'edit preferences',
      method: 'PUT',
      path: '/users/preferences',
      body: { interests },
    };
    const { outcome, body } = await this.asker.send(person, call, { statuses: [200] }, session, first);
    if (outcome !== 200) return;
    person.interests.acknowledge(value);
    if (String(body?.interests) !== String(interests))
      this.asker.verdicts.problem('answer of a change', `${body?.interests} instead of ${interests}`);
  }

  /**
   * One instance changes what the other reads, where a reader may leave an old value in the cache. Redis may evict
   * entries at any time, and must do so here for the cache to be filled. Some of these people are not used again:
   * no later change hides a stale entry.
   */
  private async raced(person: Person, session: Session): Promise<void> {
    const { gateway, verdicts } = this.asker;
    await evict(this.redisUrl, `user:preferences:${person.id}`);
    const reader = this.random.int(0, 1);
    const waits = [0, 1, 2].map(() => this.random.int(0, MIN_DISTANCE_MS));
    const operation = 'read preferences';
    const call: Call = { operation, method: 'GET', path: '/users/preferences', token: session.access };
    const reads = waits.map(async (wait) => {
      await sleep(wait);
      verdicts.judge(operation, await gateway.once(call, reader), { statuses: [200] }, false);
    });
    await sleep(this.random.int(0, MIN_DISTANCE_MS));
    await this.interests(person, session, 1 - reader);
    await Promise.all(reads);
    if (this.random.chance(0.25)) this.people.rest(person);
  }
}

/** Best effort: Redis may be down. */
async function evict(url: string, key: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  await redis.del(key).catch(() => undefined);
  redis.disconnect();
}
