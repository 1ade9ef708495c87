import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditReader } from '../audit/audit-reader.js';
import type { Principal } from '../common/http/request-context.js';
import { runReadOnly } from '../database/read-only.js';
import { SecurityActivityBody, SecurityActivityQuery, toActivity } from './security-activity.dto.js';

@Injectable()
export class SecurityActivityService {
  constructor(
    private readonly database: DataSource,
    private readonly audit: AuditReader,
  ) {}

  /** @throws AppError `validation_failed` for a malformed cursor */
  async list({ userId, sessionId }: Principal, { after, limit }: SecurityActivityQuery): Promise<SecurityActivityBody> {
    return runReadOnly(this.database, async (tx) => {
      const { rows, next } = await this.audit.activity(tx, userId, after, limit);
      // A sign-in has the time of its session, whose row is written in the same transaction.
      const [session] = await tx.query<{ instant: string }[]>(
        'SELECT (extract(epoch FROM created_at) * 1000000)::bigint::text AS instant FROM user_sessions WHERE id = $1',
        [sessionId],
      );
      return { entries: rows.map((row) => toActivity(row, row.instant === session?.instant)), next };
    });
  }
}
