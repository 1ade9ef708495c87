import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RequestContext } from '../common/request-context.js';
import { AuditLog } from './audit-log.entity.js';

export interface AuditEntry {
  /** `noun.verb` in the past, such as `user.deactivated`. */
  action: string;
  actorId: string | null;
  targetId: string | null;
  reason?: string;
  /** State before and after, without secrets and without the values of personal fields. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

@Injectable()
export class AuditService {
  /** Writes the entry in the caller's transaction: the change and its record stand or fall together. */
  async record(tx: EntityManager, entry: AuditEntry, context: RequestContext | null): Promise<void> {
    await tx.insert(AuditLog, {
      action: entry.action,
      actorId: entry.actorId,
      targetId: entry.targetId,
      reason: entry.reason ?? null,
      ipAddress: context?.ipAddress ?? null,
      requestId: context?.requestId ?? null,
      before: entry.before ?? null,
      after: entry.after ?? null,
    } as never);
  }
}
