import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AdminReads } from '../admin/admin-reads.js';
import { AdminAction, UserChangesService } from '../admin/user-changes.service.js';
import { ExpiringValue } from '../common/concurrency/expiring-value.js';
import { AppError, invalidField } from '../common/errors.js';
import type { Principal, RequestContext } from '../common/http/request-context.js';
import { runInTransaction } from '../database/transaction.js';
import { requireEmail } from '../users/emails/email.js';
import { listFormerEmails } from '../users/emails/former-emails.js';
import { findUserPage } from '../users/list/user-pages.js';
import { readUserStats } from '../users/list/user-stats.js';
import { UsersService } from '../users/users.service.js';
import {
  BulkBody,
  BulkResult,
  PortalExport,
  PortalFilterQuery,
  PortalListQuery,
  PortalStats,
  PortalUser,
  PortalUserList,
  toPortalUser,
  toUserFilter,
  UpdatePortalUserBody,
} from './portal-users.dto.js';

/** The portal asks for no reason; the audit log then says where the change came from. */
const REASON = 'via portal';
const MAX_EXPORT_ROWS = 10_000;
const STATS_AGE_MS = 5 * 60_000;
const NEWEST_FIRST = { field: 'created_at', descending: true } as const;

@Injectable()
export class PortalUsersService {
  private readonly stats = new ExpiringValue(STATS_AGE_MS, () => this.readStats());

  constructor(
    private readonly database: DataSource,
    private readonly reads: AdminReads,
    private readonly users: UsersService,
    private readonly changes: UserChangesService,
  ) {}

  async list(query: PortalListQuery): Promise<PortalUserList> {
    const { users, total } = await this.page(query, query.page * query.pageSize, query.pageSize);
    return { users: users.map(toPortalUser), total };
  }

  async export(query: PortalFilterQuery, actor: Principal, context: RequestContext): Promise<PortalExport> {
    const { users, total, next } = await this.page(query, 0, MAX_EXPORT_ROWS);
    const metadata = { total, truncated: next !== null };
    const exported = { users: users.map(toPortalUser), stats: await this.getStats(), metadata };
    // Without what was searched for, which can be a name.
    const filters = Object.entries(query).flatMap(([field, value]) => (value === undefined ? [] : [field]));
    const after = { users: users.length, filters };
    const act = { actor, reason: REASON, context };
    await runInTransaction(this.database, (tx) => this.changes.record(tx, 'users.exported', null, act, { after }));
    return exported;
  }

  /** At most five minutes old. */
  getStats(): Promise<PortalStats> {
    return this.stats.get();
  }

  /** @throws AppError `validation_failed` for a field that cannot be changed here, and those of `UserChangesService.update` */
  async update(id: string, body: UpdatePortalUserBody, actor: Principal, context: RequestContext): Promise<PortalUser> {
    const current = toPortalUser(await this.users.get(id));
    for (const field of ['id', 'createdAt'] as const)
      if (body[field] !== undefined && body[field] !== current[field])
        throw invalidField(field, 'mismatch', `${field} cannot be changed here`);
    const { name, industry, status } = body;
    const email = body.email === current.email ? undefined : body.email;
    // The portal sends whole users: a form opened before a change of address still holds the former one.
    if (email && (await this.isFormerEmail(id, email)))
      throw invalidField('email', 'mismatch', 'email is a former address of the user');
    const isActive = status && status === 'active';
    return toPortalUser(
      await this.changes.update(id, { name, industry, isActive, email }, { actor, reason: REASON, context }),
    );
  }

  async erase(id: string, actor: Principal, context: RequestContext): Promise<void> {
    await this.changes.erase(id, { actor, reason: REASON, context });
  }

  /** One transaction a user: those that are refused are named, the others are changed. */
  async bulk({ ids, action }: BulkBody, actor: Principal, context: RequestContext): Promise<BulkResult> {
    const act: AdminAction = { actor, reason: REASON, context };
    const result: BulkResult = { done: 0, failed: [] };
    for (const id of new Set(ids))
      try {
        if (action === 'delete') await this.changes.erase(id, act);
        else await this.changes.update(id, { isActive: action === 'activate' }, act);
        result.done += 1;
      } catch (error) {
        // Beyond the one account, such as a database that is down, the rest would fail as well.
        if (!(error instanceof AppError) || error.status >= 500 || error.status === 401) throw error;
        result.failed.push({ id, type: error.type });
      }
    return result;
  }

  private async isFormerEmail(userId: string, address: string): Promise<boolean> {
    const email = requireEmail(address);
    return (await listFormerEmails(this.database.manager, userId)).some((former) => former.email === email);
  }

  private page(query: PortalFilterQuery, offset: number, limit: number) {
    const request = { filter: toUserFilter(query), sort: NEWEST_FIRST, after: null, offset, limit };
    return this.reads.run((tx) => findUserPage(tx, request));
  }

  private async readStats(): Promise<PortalStats> {
    const { months, industries, active, inactive } = await this.reads.run(readUserStats);
    return {
      signups: Object.fromEntries(months),
      byIndustry: Object.fromEntries(industries),
      byStatus: { active, inactive },
    };
  }
}
