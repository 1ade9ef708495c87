import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { RateLimits } from '../rate-limit/rate-limits.js';
import { runInTransaction } from '../database/transaction.js';
import type { RequestContext } from '../common/http/request-context.js';
import { refreshTokenReusedMail } from '../mail/messages.js';
import { SecurityNotices } from '../users/links/security-notices.js';
import type { User } from '../users/user.entity.js';
import { SessionsService } from './sessions.service.js';

/** Handles a refresh token that is presented again, by its owner or by a thief. */
@Injectable()
export class RefreshReplays {
  constructor(
    private readonly database: DataSource,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly limits: RateLimits,
    private readonly notices: SecurityNotices,
  ) {}

  /** Reuse means that the token leaked, and owner and thief look alike: revokes the session (RFC 9700 §4.14.2). */
  async revokeOnReuse(sessionId: string, user: User, context: RequestContext): Promise<void> {
    context.attemptedEmail = user.email;
    await runInTransaction(this.database, async (tx) => {
      if (!(await this.sessions.revoke(tx, sessionId, 'refresh_token_reused', user.id))) return;
      await this.audit.record(tx, entryOf('session.revoked', 'refresh_token_reused', sessionId, user), context);
      await this.notices.add(tx, user, context, (notice) => refreshTokenReusedMail(user, notice), { bundled: true });
    });
  }

  /** A phone may have left the Wi-Fi between two attempts: logs each, and audits one per hour and session. */
  async recordOtherNetwork(sessionId: string, user: User, context: RequestContext): Promise<void> {
    context.securityEvent = 'refresh_token_repeated';
    context.attemptedEmail = user.email;
    if (!(await this.limits.consume('otherNetworkNotice', [sessionId])).allowed) return;
    await runInTransaction(this.database, (tx) =>
      this.audit.record(tx, entryOf('session.refresh_repeated', 'another_network', sessionId, user), context),
    );
  }
}

function entryOf(action: string, reason: string, sessionId: string, user: User) {
  return { action, actorId: null, targetId: user.id, reason, after: { session_id: sessionId } };
}
