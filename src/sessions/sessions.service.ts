import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { EntityManager, Repository } from 'typeorm';
import { afterCommit } from '../database/transaction.js';
import type { Authentication, RequestContext } from '../common/http/request-context.js';
import { Settings } from '../config/settings.js';
import { tokenHash } from '../crypto/tokens.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SessionCache } from './session-cache.js';
import { Session } from './session.entity.js';
import { OutboxService } from '../events/outbox.service.js';
import type { SecurityEvent } from '../events/security-events.js';
import { UsersService } from '../users/users.service.js';

/** Live sessions per user; beyond, the oldest is revoked. */
const MAX_SESSIONS_ROWS = 20;

export type RevocationReason =
  | 'logout'
  | 'revoked_by_user'
  | 'revoked_by_admin'
  | 'too_many_sessions'
  | 'refresh_token_reused'
  | 'password_changed'
  | 'deactivated'
  | 'role_changed'
  | 'account_linked'
  | 'not_me'
  | 'account_deleted';

export const PASSWORD_ONLY = { amr: ['pwd'], acr: 'aal1' } as const;

export interface IssuedSession extends Authentication {
  id: string;
  refreshToken: string;
  /** Seconds until the refresh token expires. */
  expiresIn: number;
}

/** Issues and revokes sessions in the caller's transaction, which `runInTransaction` must have opened. */
@Injectable()
export class SessionsService {
  constructor(
    @InjectRepository(Session) private readonly rows: Repository<Session>,
    private readonly tokens: RefreshTokens,
    private readonly cache: SessionCache,
    private readonly users: UsersService,
    private readonly outbox: OutboxService,
    private readonly settings: Settings,
  ) {}

  async issue(
    tx: EntityManager,
    userId: string,
    context: RequestContext,
    deviceInfo: Record<string, unknown> | null,
    { amr, acr }: Pick<Authentication, 'amr' | 'acr'> = PASSWORD_ONLY,
  ): Promise<IssuedSession> {
    const id = context.newSessionId ?? randomUUID();
    const refreshToken = this.tokens.make(id, 0);
    const { refreshSeconds, sessionMaxSeconds } = this.settings.jwt;
    const expiresIn = Math.min(refreshSeconds, sessionMaxSeconds);
    // Serializes parallel sign-ins, which would otherwise not count each other's session.
    await this.users.lockOnly(tx, userId);
    const { raw } = await tx.insert(Session, {
      id,
      userId,
      refreshToken: tokenHash(refreshToken),
      deviceInfo: deviceInfo as never,
      ipAddress: context.ipAddress,
      userAgent: context.userAgent,
      authTime: () => 'now()',
      amr: [...amr],
      acr,
      expiresAt: () => `now() + interval '${expiresIn} seconds'`,
      endsAt: () => `now() + interval '${sessionMaxSeconds} seconds'`,
    });
    await this.revokeWhere(
      tx,
      userId,
      'too_many_sessions',
      `id IN (SELECT id FROM user_sessions
               WHERE user_id = $2 AND id <> $3 AND revoked_at IS NULL AND expires_at > now()
               ORDER BY created_at DESC, id OFFSET $4)`,
      [id, MAX_SESSIONS_ROWS - 1],
    );
    return { id, refreshToken, expiresIn, authTime: Math.floor(raw[0].auth_time.getTime() / 1000), amr, acr };
  }

  /** @returns a live session of this id that was opened within so many seconds, and its user */
  async findOpened(id: string, seconds: number): Promise<{ userId: string; session: IssuedSession } | null> {
    const row = await this.rows
      .createQueryBuilder('session')
      .where('id = :id AND created_at > now() - make_interval(secs => :seconds) AND revoked_at IS NULL', {
        id,
        seconds,
      })
      .getOne();
    if (!row) return null;
    const { amr, acr } = row;
    const expiresIn = Math.floor((row.expiresAt.getTime() - Date.now()) / 1000);
    const refreshToken = this.tokens.make(id, row.counter);
    const authTime = Math.floor(row.authTime.getTime() / 1000);
    return { userId: row.userId, session: { id, refreshToken, expiresIn, authTime, amr, acr } };
  }

  /** The user's live sessions, the last used first. */
  async listLive(userId: string): Promise<Session[]> {
    return this.rows
      .createQueryBuilder('session')
      .where('user_id = :userId AND revoked_at IS NULL AND expires_at > now()', { userId })
      .orderBy({ last_used: 'DESC', id: 'ASC' })
      .getMany();
  }

  /** Includes ended sessions that are still stored; the newest first. */
  listAll(tx: EntityManager, userId: string): Promise<Session[]> {
    return tx.find(Session, { where: { userId }, order: { createdAt: 'DESC', id: 'ASC' } });
  }

  /** Moves the time of authentication to now. The transaction holds the session. */
  async confirm(
    tx: EntityManager,
    sessionId: string,
    { amr, acr }: Pick<Authentication, 'amr' | 'acr'>,
  ): Promise<Authentication & Pick<IssuedSession, 'expiresIn'>> {
    const [[row]]: [{ auth_time: number; seconds: number }[]] = await tx.query(
      `UPDATE user_sessions SET auth_time = now(), amr = $2, acr = $3 WHERE id = $1
       RETURNING floor(extract(epoch FROM auth_time))::int AS auth_time,
                 floor(extract(epoch FROM expires_at - now()))::int AS seconds`,
      [sessionId, amr, acr],
    );
    return { authTime: row!.auth_time, amr, acr, expiresIn: row!.seconds };
  }

  /** @returns false if the user has no such live session */
  async revoke(tx: EntityManager, sessionId: string, reason: RevocationReason, userId: string): Promise<boolean> {
    // Events are written under this lock, which keeps their order.
    await this.users.lockOnly(tx, userId);
    const ended = await this.revokeWhere(tx, userId, reason, 'id = $3', [sessionId]);
    return ended.length > 0;
  }

  /**
   * Revokes the sessions of a user whom the transaction has locked, except `keep`.
   * @returns their ids
   */
  async revokeAllOf(tx: EntityManager, userId: string, reason: RevocationReason, keep?: string): Promise<string[]> {
    const ended = await this.revokeWhere(tx, userId, reason, 'id IS DISTINCT FROM $3', [keep]);
    if (keep === undefined && ended.length > 0)
      await this.outbox.addSecurity(tx, userId, [{ type: 'sessions.revoked_all', details: detailsOf(reason) }]);
    return ended;
  }

  /** Every revocation runs through here, so that none forgets the cache or the services that verify tokens offline. */
  private async revokeWhere(
    tx: EntityManager,
    userId: string,
    reason: RevocationReason,
    where: string,
    values: unknown[],
  ): Promise<string[]> {
    // Locked in the order of ids, or parallel revocations of one user's sessions could deadlock.
    const [rows]: [{ id: string }[]] = await tx.query(
      `UPDATE user_sessions SET revoked_at = now(), revoked_reason = $1
         FROM (SELECT id AS ended FROM user_sessions
                WHERE user_id = $2 AND revoked_at IS NULL AND expires_at > now() AND ${where} ORDER BY id FOR UPDATE) AS chosen
        WHERE id = ended RETURNING id`,
      [reason, userId, ...values],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0) afterCommit(tx, () => this.cache.revoked(ids));
    const details = detailsOf(reason);
    const events = ids.map((sessionId): SecurityEvent => ({ type: 'session.revoked', sessionId, details }));
    await this.outbox.addSecurity(tx, userId, events);
    return ids;
  }
}

const BY_POLICY = new Set<RevocationReason>(['too_many_sessions', 'refresh_token_reused']);
const BY_ADMIN = new Set<RevocationReason>(['revoked_by_admin', 'deactivated', 'role_changed']);

/** Members of CAEP's session-revoked. */
function detailsOf(reason: RevocationReason) {
  const entity = BY_POLICY.has(reason) ? 'policy' : BY_ADMIN.has(reason) ? 'admin' : 'user';
  return { initiating_entity: entity, reason_admin: { en: reason } };
}
