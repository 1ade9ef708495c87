import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../database/transaction.js';
import { AppError } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { SessionsBody, toSession } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

/** A user looks at the devices that are signed in, and signs others out. */
@Injectable()
export class OwnSessionsService {
  constructor(
    private readonly database: DataSource,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  async list({ userId, sessionId }: Principal): Promise<SessionsBody> {
    const sessions = await this.sessions.listLive(userId);
    return { sessions: sessions.map((session) => toSession(session, sessionId)) };
  }

  /** @throws AppError `not_found`, for a session of somebody else too */
  async end({ userId }: Principal, sessionId: string, context: RequestContext): Promise<void> {
    await runInTransaction(this.database, async (tx) => {
      if (!(await this.sessions.revoke(tx, sessionId, 'revoked_by_user', userId))) throw new AppError('not_found');
      await this.audit.record(
        tx,
        { action: 'session.revoked', actorId: userId, targetId: userId, after: { session_id: sessionId } },
        context,
      );
    });
  }

  async endOthers({ userId, sessionId }: Principal, context: RequestContext): Promise<void> {
    await runInTransaction(this.database, async (tx) => {
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
