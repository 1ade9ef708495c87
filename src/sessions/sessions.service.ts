import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, EntityManager } from 'typeorm';
import type { Principal, RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { tokenHash } from '../crypto/tokens.js';
import { RefreshTokens } from './refresh-tokens.js';
import { Session } from './session.entity.js';

/** Live sessions a user can have; the oldest makes room. */
const MAX_SESSIONS = 20;

export type RevocationReason =
  | 'logout'
  | 'revoked_by_user'
  | 'revoked_by_admin'
  | 'too_many_sessions'
  | 'refresh_token_reused'
  | 'password_changed'
  | 'deactivated'
  | 'role_changed'
  | 'account_linked';

export interface OpenedSession {
  id: string;
  refreshToken: string;
  expiresAt: Date;
}

/** Signed-in devices: opened, checked and closed. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly database: DataSource,
    private readonly tokens: RefreshTokens,
    private readonly settings: Settings,
  ) {}

  /** Opens a session; past the limit the oldest of the user ends. */
  async open(
    tx: EntityManager,
    userId: string,
    context: RequestContext,
    deviceInfo: Record<string, unknown> | null,
  ): Promise<OpenedSession> {
    const id = randomUUID();
    const refreshToken = this.tokens.make(id, 0);
    const expiresAt = new Date(Date.now() + this.settings.jwt.refreshSeconds * 1000);
    await tx.insert(Session, {
      id,
      userId,
      refreshToken: tokenHash(refreshToken),
      deviceInfo: deviceInfo as never,
      ipAddress: context.ipAddress,
      userAgent: context.userAgent,
      expiresAt,
    });
    await this.endOldest(tx, userId);
    return { id, refreshToken, expiresAt };
  }

  /** The truth about a session, from PostgreSQL: live, and its user active. */
  async findLive(sessionId: string, userId: string): Promise<Principal | null> {
    const rows: { role: Principal['role']; stale: boolean }[] = await this.database.query(
      `SELECT u.role, s.last_used < now() - interval '1 minute' AS stale
         FROM user_sessions s JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active`,
      [sessionId, userId],
    );
    if (!rows[0]) return null;
    if (rows[0].stale) this.touch(sessionId);
    return { userId, sessionId, role: rows[0].role };
  }

  async revoke(tx: EntityManager, sessionId: string, reason: RevocationReason): Promise<boolean> {
    const { affected } = await tx
      .createQueryBuilder()
      .update(Session)
      .set({ revokedAt: () => 'now()', revokedReason: reason })
      .where('id = :sessionId AND revoked_at IS NULL', { sessionId })
      .execute();
    return affected === 1;
  }

  /** Ends every session of the user, but for the one named. */
  async revokeAllOf(tx: EntityManager, userId: string, reason: RevocationReason, keep?: string): Promise<void> {
    await tx
      .createQueryBuilder()
      .update(Session)
      .set({ revokedAt: () => 'now()', revokedReason: reason })
      .where('user_id = :userId AND revoked_at IS NULL', { userId })
      .andWhere(keep ? 'id <> :keep' : 'TRUE', { keep })
      .execute();
  }

  private async endOldest(tx: EntityManager, userId: string): Promise<void> {
    await tx.query(
      `UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'too_many_sessions'
        WHERE id IN (SELECT id FROM user_sessions
                      WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
                      ORDER BY created_at DESC, id OFFSET $2)`,
      [userId, MAX_SESSIONS],
    );
  }

  /** Not awaited: `last_used` is for people to look at, once a minute is enough, and no request waits for it. */
  private touch(sessionId: string): void {
    this.database
      .query(`UPDATE user_sessions SET last_used = now() WHERE id = $1 AND last_used < now() - interval '1 minute'`, [
        sessionId,
      ])
      .catch(() => undefined);
  }
}
