import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { UsersService } from '../users/users.service.js';
import { SessionsBody, toSession } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

@Injectable()
export class OwnSessionsService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  async list({ userId, sessionId }: Principal): Promise<SessionsBody> {
    const sessions = await this.sessions.listLive(userId);
    return { sessions: sessions.map((session) => toSession(session, sessionId)) };
  }

  /** @throws AppError `not_found`, also for another user's session */
  async end(principal: Principal, sessionId: string, context: RequestContext): Promise<void> {
    const { userId } = principal;
    await runInTransaction(this.database, async (tx) => {
      await this.users.lockOwn(tx, principal);
      if (!(await this.sessions.revoke(tx, sessionId, 'revoked_by_user', userId))) throw new AppError('not_found');
      await this.audit.record(
        tx,
        { action: 'session.revoked', actorId: userId, targetId: userId, after: { session_id: sessionId } },
        context,
      );
    });
  }

  async endOthers(principal: Principal, context: RequestContext): Promise<void> {
    const { userId, sessionId } = principal;
    await runInTransaction(this.database, async (tx) => {
      await this.users.lockOwn(tx, principal);
      const ended = await this.sessions.revokeAllOf(tx, userId, 'revoked_by_user', sessionId);
      if (ended.length === 0) return;
      await this.audit.record(
        tx,
        { action: 'session.revoked_others', actorId: userId, targetId: userId, after: { session_ids: ended } },
        context,
      );
    });
  }
}
