import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ipPrefix } from '../rate-limit/ip-prefix.js';
import { AppError } from '../common/errors.js';
import type { Authentication, RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';
import { tokenHash } from '../crypto/tokens.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { clientKind } from './client-kind.js';
import { RefreshReplays } from './refresh-replays.js';
import { RefreshClaim, RefreshTokens } from './refresh-tokens.js';
import type { IssuedSession } from './sessions.service.js';

interface RotatedRow extends Record<string, unknown> {
  id: string;
  session_seconds: number;
  session_auth_time: number;
  session_amr: string[];
  session_acr: Authentication['acr'];
}

interface CurrentRow extends RotatedRow {
  session_hash: string;
  session_legacy: string | null;
  session_agent: string | null;
  session_ip: string | null;
  session_counter: number;
  within_grace: boolean;
}

export interface Rotated {
  session: IssuedSession;
  user: User;
}

const ANSWERED = `floor(extract(epoch FROM s.expires_at - now()))::int AS session_seconds,
                  floor(extract(epoch FROM s.auth_time))::int AS session_auth_time, s.amr AS session_amr, s.acr AS session_acr`;

const swapReturning = (userColumns: string): Statement => ({
  name: 'session_swap',
  text: `UPDATE user_sessions s
            SET refresh_token = $4, counter = s.counter + 1, rotated_at = now(), legacy_token = coalesce($6, legacy_token),
                ip_address = $7, user_agent = $8, expires_at = least(now() + make_interval(secs => $5), s.ends_at),
                previous_expires_at = CASE WHEN s.rotated_at >= date_trunc('day', now(), 'UTC')
                                           THEN s.previous_expires_at ELSE s.expires_at END
           FROM users u
          WHERE s.id = $1 AND s.counter = $2 AND s.refresh_token = $3 AND s.revoked_at IS NULL AND s.expires_at > now()
            AND u.id = s.user_id AND u.is_active
          RETURNING ${userColumns}, ${ANSWERED}`,
});

/** Exchanges each refresh token once for its successor (RFC 9700 §4.14.2). */
@Injectable()
export class RefreshTokenRotation {
  private readonly userColumns: string;
  private readonly swapStatement: Statement;

  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly tokens: RefreshTokens,
    private readonly replays: RefreshReplays,
    private readonly settings: Settings,
    private readonly statements: PreparedStatements,
  ) {
    this.userColumns = users.columns('u');
    this.swapStatement = swapReturning(this.userColumns);
  }

  /**
   * Each rotation extends the session by `refreshSeconds`, up to its end.
   * @throws AppError `invalid_refresh_token`, `refresh_token_reused` (the session is revoked then), `busy`
   */
  async rotate(token: string, context: RequestContext): Promise<Rotated> {
    const claim = this.tokens.verify(token);
    if (!claim) throw new AppError('invalid_refresh_token', { forged: true });
    const child = this.tokens.make(claim.sessionId, claim.counter + 1);
    const row = await this.swap(claim, token, child, context);
    return row ? this.toRotated(claim, child, row) : this.handleReplay(claim, token, context);
  }

  /** Compares and swaps in one statement: of parallel callers with one token, one succeeds. */
  private async swap(
    { sessionId, counter, legacy }: RefreshClaim,
    token: string,
    child: string,
    { ipAddress, userAgent }: RequestContext,
  ): Promise<RotatedRow | undefined> {
    const hash = tokenHash(token);
    const seconds = this.settings.jwt.refreshSeconds;
    const exchanged = legacy ? hash : null;
    const values = [sessionId, counter, hash, tokenHash(child), seconds, exchanged, ipAddress, userAgent];
    const [row] = await this.statements.run<RotatedRow>(null, this.swapStatement, values);
    return row;
  }

  /** For a genuine token that is not the current one. */
  private async handleReplay(claim: RefreshClaim, token: string, context: RequestContext): Promise<Rotated> {
    const current = await this.findCurrent(claim.sessionId);
    // Current or newer, yet not swapped: forged with a leaked key, or the database was restored from a backup.
    if (!current || current.session_counter <= claim.counter) throw new AppError('invalid_refresh_token');
    const live = this.tokens.find(claim.sessionId, current.session_counter, current.session_hash);
    // Legacy tokens can be computed with JWT_SECRET. After the switch only the one that was exchanged is trusted, even to revoke
    // the session.
    if (claim.legacy && !live?.legacy && current.session_legacy !== tokenHash(token))
      throw new AppError('invalid_refresh_token', { forged: true });
    const isParent = current.session_counter === claim.counter + 1;
    const user = this.users.fromRow(current);
    // Within the grace period only the client that rotated may retry.
    const sameClient = clientKind(current.session_agent) === clientKind(context.userAgent);
    if (!isParent || !current.within_grace || !sameClient) {
      await this.replays.revokeOnReuse(claim.sessionId, user, context);
      throw new AppError('refresh_token_reused');
    }
    // During a key rotation the winner may have signed with a key that this instance does not know yet.
    if (!live) throw new AppError('busy', { retryAfter: 1 });
    const { session_ip: ip } = current;
    if (ip !== null && ipPrefix(ip) !== ipPrefix(context.ipAddress))
      await this.replays.recordOtherNetwork(claim.sessionId, user, context);
    return this.toRotated(claim, live.token, current);
  }

  private async findCurrent(sessionId: string): Promise<CurrentRow | undefined> {
    const rows: CurrentRow[] = await this.database.query(
      `SELECT ${this.userColumns}, s.refresh_token AS session_hash, s.legacy_token AS session_legacy,
              s.user_agent AS session_agent, host(s.ip_address) AS session_ip, s.counter AS session_counter,
              s.rotated_at > now() - make_interval(secs => $2) AS within_grace, ${ANSWERED}
         FROM user_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
      [sessionId, this.settings.jwt.refreshGraceSeconds],
    );
    return rows[0];
  }

  private toRotated({ sessionId }: RefreshClaim, child: string, row: RotatedRow): Rotated {
    const { session_seconds: expiresIn, session_auth_time: authTime, session_amr: amr, session_acr: acr } = row;
    const session = { id: sessionId, refreshToken: child, expiresIn, authTime, amr, acr };
    return { session, user: this.users.fromRow(row) };
  }
}
