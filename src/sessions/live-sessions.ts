import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Role, SessionCache } from './session-cache.js';

interface LiveRow {
  role: Role;
  stale: boolean;
  as_of: number;
  expires: number;
}

/** The check behind every request: is this session live, and who is its user? */
@Injectable()
export class LiveSessions {
  constructor(
    private readonly database: DataSource,
    private readonly cache: SessionCache,
  ) {}

  /** @returns the role of the user as it is now; null where the session has ended or the user is not active */
  async roleIn(sessionId: string, userId: string): Promise<Role | null> {
    const cached = await this.cache.find(sessionId, userId);
    if (cached !== null) return cached === 'revoked' ? null : cached;
    return this.read(sessionId, userId);
  }

  private async read(sessionId: string, userId: string): Promise<Role | null> {
    const rows: LiveRow[] = await this.database.query(
      `SELECT u.role, s.last_used < now() - interval '1 minute' AS stale,
              floor(extract(epoch FROM now()) * 1000)::float8 AS as_of,
              floor(extract(epoch FROM s.expires_at) * 1000)::float8 AS expires
         FROM user_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
      [sessionId, userId],
    );
    if (!rows[0]) return null;
    const { role, stale, as_of: asOf, expires } = rows[0];
    // Neither is awaited: they are for later requests, and this one does not depend on them.
    void this.cache.remember({ sessionId, userId, role, asOf, expires });
    if (stale) this.touch(sessionId);
    return role;
  }

  /** `last_used` is for people to look at; once a minute is enough. */
  private touch(sessionId: string): void {
    this.database
      .query(`UPDATE user_sessions SET last_used = now() WHERE id = $1 AND last_used < now() - interval '1 minute'`, [
        sessionId,
      ])
      .catch(() => undefined);
  }
}
