import { Injectable } from '@nestjs/common';
import { Statement, Statements } from '../config/statements.js';
import { Role, SessionCache } from './session-cache.js';

interface LiveRow {
  role: Role;
  stale: boolean;
  as_of: number;
  expires: number;
}

const FIND_LIVE: Statement = {
  name: 'session_find_live',
  text: `SELECT u.role, s.last_used < now() - interval '1 minute' AS stale,
                floor(extract(epoch FROM now()) * 1000)::float8 AS as_of,
                floor(extract(epoch FROM s.expires_at) * 1000)::float8 AS expires
           FROM user_sessions s JOIN users u ON u.id = s.user_id
          WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
};

const TOUCH: Statement = {
  name: 'session_touch',
  text: `UPDATE user_sessions SET last_used = now() WHERE id = $1 AND last_used < now() - interval '1 minute'`,
};

/** The check behind every request: is this session live, and who is its user? */
@Injectable()
export class LiveSessions {
  constructor(
    private readonly statements: Statements,
    private readonly cache: SessionCache,
  ) {}

  /** @returns the role of the user as it is now; null where the session has ended or the user is not active */
  async roleIn(sessionId: string, userId: string): Promise<Role | null> {
    const cached = await this.cache.find(sessionId, userId);
    if (cached !== null) return cached === 'revoked' ? null : cached;
    return this.read(sessionId, userId);
  }

  private async read(sessionId: string, userId: string): Promise<Role | null> {
    const [row] = await this.statements.run<LiveRow>(null, FIND_LIVE, [sessionId, userId]);
    if (!row) return null;
    const { role, stale, as_of: asOf, expires } = row;
    // Neither is awaited: they are for later requests, and this one does not depend on them.
    void this.cache.remember({ sessionId, userId, role, asOf, expires });
    if (stale) this.touch(sessionId);
    return role;
  }

  /** `last_used` is for people to look at; once a minute is enough. */
  private touch(sessionId: string): void {
    this.statements.run(null, TOUCH, [sessionId]).catch(() => undefined);
  }
}
