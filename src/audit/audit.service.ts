import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RequestContext } from '../common/http/request-context.js';
import { deviceName } from '../common/http/device.js';
import { ACTIVITY_KINDS } from './security-activity.js';
import { Statement, PreparedStatements } from '../database/prepared-statements.js';

export interface AuditEntry {
  /** `noun.verb` in the past, such as `user.deactivated`. */
  action: string;
  actorId: string | null;
  targetId: string | null;
  reason?: string;
  /** Without secrets and without the values of personal fields. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
}

const RECORD: Statement = {
  name: 'audit_record',
  text: `INSERT INTO audit_logs (action, actor_id, target_id, reason, ip_address, request_id, before, after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
};

@Injectable()
export class AuditService {
  constructor(private readonly statements: PreparedStatements) {}

  /** Writes the entry in the caller's transaction, at its end at the latest. */
  async record(tx: EntityManager, entry: AuditEntry, context: RequestContext | null): Promise<void> {
    const { action, actorId, targetId, reason = null, before = null } = entry;
    // The device of an administrator is private.
    const isOwn = action in ACTIVITY_KINDS && (actorId === null || actorId === targetId);
    const device = isOwn ? deviceName(context?.userAgent ?? null) : null;
    const after = device ? { ...entry.after, device } : (entry.after ?? null);
    const [ipAddress, requestId] = [context?.ipAddress ?? null, context?.requestId ?? null];
    const values = [action, actorId, targetId, reason, ipAddress, requestId, before, after];
    await this.statements.queue(tx, RECORD, values);
  }
}
