import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.js';
import { runInTransaction } from '../../database/transaction.js';
import type { Principal, RequestContext } from '../../common/http/request-context.js';
import { UsersService } from '../../users/users.service.js';
import { SessionsService } from '../../sessions/sessions.service.js';

@Injectable()
export class LogoutService {
  constructor(
    private readonly database: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  async logout(principal: Principal, all: boolean, context: RequestContext): Promise<void> {
    const { userId, sessionId } = principal;
    await runInTransaction(this.database, async (tx) => {
      if (all) await this.users.lockOwn(tx, principal);
      const ended = all
        ? (await this.sessions.revokeAllOf(tx, userId, 'logout')).length > 0
        : await this.sessions.revoke(tx, sessionId, 'logout', userId);
      // Another request ended it first, perhaps by erasing the account: then nothing is recorded.
      if (!ended) return;
      const action = all ? 'session.closed_all' : 'session.closed';
      await this.audit.record(tx, { action, actorId: userId, targetId: userId }, context);
    });
  }
}
