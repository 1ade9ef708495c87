import { Injectable } from '@nestjs/common';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';
import type { Principal } from '../common/http/request-context.js';
import { UsersService } from '../users/users.service.js';
import { Role, SessionCache } from './session-cache.js';

type LiveSession = Pick<Principal, 'role' | 'userRow'>;

interface LiveRow extends Record<string, unknown> {
  role: Role;
  session_stale: boolean;
  session_as_of: number;
  session_expires: number;
}

const findLive = (accountColumns: string): Statement => ({
  name: 'session_find_live',
  text: `SELECT ${accountColumns}, s.last_used < now() - interval '1 minute' AND current_setting('transaction_read_only') = 'off' AS session_stale,
                floor(extract(epoch FROM now()) * 1000)::float8 AS session_as_of,
                floor(extract(epoch FROM s.expires_at) * 1000)::float8 AS session_expires
           FROM user_sessions s JOIN users u ON u.id = s.user_id
          WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
});

const TOUCH: Statement = {
  name: 'session_touch',
  text: `UPDATE user_sessions SET last_used = now() WHERE id = $1 AND last_used < now() - interval '1 minute'`,
};

/** Checks on every request that the session is live and its user active. */
@Injectable()
export class SessionValidator {
  private readonly findLive: Statement;

  constructor(
    private readonly statements: PreparedStatements,
    private readonly cache: SessionCache,
    users: UsersService,
  ) {
    this.findLive = findLive(users.columns('u'));
  }

  /** @returns the user's current role; null if the session has ended or the user is not active */
  async validate(sessionId: string, userId: string): Promise<LiveSession | null> {
    const cached = await this.cache.find(sessionId, userId);
    if (cached !== null) return cached === 'revoked' ? null : { role: cached };
    return this.validateInDatabase(sessionId, userId);
  }

  private async validateInDatabase(sessionId: string, userId: string): Promise<LiveSession | null> {
    const [row] = await this.statements.run<LiveRow>(null, this.findLive, [sessionId, userId]);
    if (!row) return null;
    const { role, session_stale: stale, session_as_of: asOf, session_expires: expires } = row;
    // Not awaited: later requests profit, and this one does not depend on them.
    void this.cache.store({ sessionId, userId, role, asOf, expires });
    if (stale) this.touch(sessionId);
    return { role, userRow: row };
  }

  /** `last_used` is only shown, so once a minute is enough. */
  private touch(sessionId: string): void {
    this.statements.run(null, TOUCH, [sessionId]).catch(() => undefined);
  }
}
