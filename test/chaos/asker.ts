import type { Attempt, Call, Gateway } from './gateway.js';
import type { Person, Session } from './people.js';
import type { Expected, Verdicts } from './verdicts.js';

/** Sends a person's requests, checks every attempt, and records operations with an unknown outcome. */
export class Asker {
  constructor(
    readonly gateway: Gateway,
    readonly verdicts: Verdicts,
  ) {}

  /**
   * @param session whose access token is sent
   * @param first number of the instance that is asked first; without it their turn decides
   */
  async send(person: Person, call: Call, expected: Expected, session?: Session, first?: number): Promise<Attempt> {
    const { operation } = call;
    const doubtBefore = person.doubt === operation;
    const check = (attempt: Attempt, doubt: boolean) =>
      void this.verdicts.judge(operation, attempt, expected, doubt || doubtBefore);
    const attempt = await this.gateway.send({ token: session?.access, ...call }, check, first);
    const { outcome } = attempt;
    const done = typeof outcome === 'number' && outcome < 500 && outcome !== 429;
    person.doubt = done ? null : operation;
    // Checked already; a person without a session signs in again.
    if (outcome === 401 && session && !session.ending) person.session = null;
    return attempt;
  }
}
