import type { Random } from '../../scripts/seed/random.js';
import type { Asker } from './asker.js';
import { Edits } from './edits.js';
import type { Call } from './gateway.js';
import type { People, Person, Session } from './people.js';

/** Time in which a lost refresh is retried; the default grace period is a minute. */
const REFRESH_GRACE_MS = 45_000;

/** Operations of users and an administrator, one at a time per person; checks each answer and records acknowledged changes. */
export class Operations {
  private readonly edits: Edits;

  constructor(
    private readonly asker: Asker,
    private readonly people: People,
    private readonly random: Random,
    private readonly adminToken: string,
    redisUrl: string,
  ) {
    this.edits = new Edits(asker, people, random, redisUrl);
  }

  /** The next operation of the person: a pending one, else any. */
  async next(person: Person): Promise<void> {
    const { state, session } = person;
    if (state === 'new') return this.register(person);
    if (state === 'deactivating') return this.deactivate(person);
    if (state === 'inactive' || state === 'reactivating') return this.reactivate(person);
    if (state === 'erasing') return this.erase(person);
    if (!session) return this.login(person);
    if (session.ending) return this.logout(person, session);
    if (session.refreshingSince !== null) return this.refresh(person, session);
    const dice = this.random.unit();
    if (dice < 0.76) return this.edits.any(person, session);
    if (dice < 0.88) return this.refresh(person, session);
    if (dice < 0.94) return this.logout(person, session);
    if (dice < 0.985) return this.deactivate(person);
    return this.erase(person);
  }

  async register(person: Person): Promise<void> {
    const { name, email, password } = person;
    const call: Call = {
      operation: 'register',
      method: 'POST',
      path: '/auth/register',
      body: { name, email, password },
    };
    const { outcome, body } = await this.asker.send(person, call, { statuses: [201], afterDoubt: [409] });
    if (outcome === 201) this.open(person, body);
    if (outcome === 201 || outcome === 409) person.state = 'active';
  }

  async erase(person: Person): Promise<void> {
    const { session, password } = person;
    if (!session) return this.login(person);
    session.ending = true;
    person.state = 'erasing';
    const call: Call = { operation: 'erase', method: 'DELETE', path: '/users/profile', body: { password } };
    const { outcome } = await this.asker.send(person, call, { statuses: [204], afterDoubt: [401] }, session);
    if (outcome !== 204 && outcome !== 401) return;
    this.people.end(person);
    person.state = 'erased';
    await this.asker.send(person, this.loginCall('log in, erased', person), { statuses: [401] });
  }

  private async refresh(person: Person, session: Session): Promise<void> {
    const late = session.refreshingSince !== null && performance.now() - session.refreshingSince > REFRESH_GRACE_MS;
    session.refreshingSince ??= performance.now();
    const body = { refresh_token: session.refresh };
    const call: Call = { operation: 'refresh', method: 'POST', path: '/auth/refresh', body };
    const answer = await this.asker.send(person, call, { statuses: late ? [200, 401] : [200] });
    if (answer.outcome === 401) person.session = null;
    if (answer.outcome !== 200) return;
    if (answer.body.refresh_token === session.refresh)
      this.asker.verdicts.problem('refresh without rotation', person.name);
    session.earlier = [session.access, ...session.earlier].slice(0, 2);
    session.access = answer.body.access_token;
    session.refresh = answer.body.refresh_token;
    session.refreshingSince = null;
  }

  private async logout(person: Person, session: Session): Promise<void> {
    session.ending = true;
    const call: Call = { operation: 'log out', method: 'POST', path: '/auth/logout', body: {} };
    const { outcome } = await this.asker.send(person, call, { statuses: [204], afterDoubt: [401] }, session);
    if (outcome === 204 || outcome === 401) this.people.end(person);
  }

  async login(person: Person): Promise<void> {
    const { outcome, body } = await this.asker.send(person, this.loginCall('log in', person), { statuses: [200] });
    if (outcome === 200) this.open(person, body);
  }

  private async deactivate(person: Person): Promise<void> {
    if (person.state === 'active') person.activity.next();
    person.state = 'deactivating';
    const { session } = person;
    if (session) session.ending = true;
    if (!(await this.setActive(person, false))) return;
    this.people.end(person);
    person.state = 'inactive';
    if (session)
      for (const instance of [0, 1]) {
        const call: Call = { operation: 'revoked token', method: 'GET', path: '/users/profile', token: session.access };
        const attempt = await this.asker.gateway.once(call, instance);
        if (attempt.outcome === 200)
          this.asker.verdicts.problem('revoked session works', `${person.name}, deactivated`);
        this.asker.verdicts.judge(call.operation, attempt, { statuses: [200, 401] }, false);
      }
    await this.asker.send(person, this.loginCall('log in, inactive', person), { statuses: [403] });
  }

  private async reactivate(person: Person): Promise<void> {
    if (person.state === 'inactive') person.activity.next();
    person.state = 'reactivating';
    if (await this.setActive(person, true)) person.state = 'active';
  }

  private async setActive(person: Person, active: boolean): Promise<boolean> {
    const operation = active ? 'reactivate' : 'deactivate';
    const body = { is_active: active, reason: 'the campaign asks for it' };
    const call: Call = {
      operation,
      method: 'PUT',
      path: `/admin/users/${person.id}/status`,
      body,
      token: this.adminToken,
    };
    const answer = await this.asker.send(person, call, { statuses: [200] });
    if (answer.outcome === 200) person.activity.acknowledge(person.activity.sent);
    return answer.outcome === 200;
  }

  private loginCall(operation: string, { email, password }: Person): Call {
    return { operation, method: 'POST', path: '/auth/login', body: { email, password } };
  }

  private open(person: Person, body: { access_token: string; refresh_token: string; user: { id: string } }): void {
    person.id = body.user.id;
    const { access_token: access, refresh_token: refresh } = body;
    person.session = { access, refresh, earlier: [], ending: false, refreshingSince: null };
  }
}
