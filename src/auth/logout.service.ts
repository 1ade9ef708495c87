import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { runInTransaction } from '../common/after-commit.js';
import type { Principal, RequestContext } from '../common/request-context.js';
import { SessionsService } from '../sessions/sessions.service.js';

@Injectable()
export class LogoutService {
  constructor(
    private readonly database: DataSource,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  async logout({ userId, sessionId }: Principal, all: boolean, context: RequestContext): Promise<void> {
    await runInTransaction(this.database, async (tx) => {
      if (all) await this.sessions.revokeAllOf(tx, userId, 'logout');
      else await this.sessions.revoke(tx, sessionId, 'logout');
      const action = all ? 'session.closed_all' : 'session.closed';
      await this.audit.record(tx, { action, actorId: userId, targetId: userId }, context);
    });
  }
}
