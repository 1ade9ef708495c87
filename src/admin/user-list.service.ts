import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { findUserPage } from '../users/list/user-pages.js';
import { AdminReads } from './admin-reads.js';
import { decodeUserCursor, encodeUserCursor } from './user-cursor.js';
import { readSort, toAdminUser, UserListBody, UserListQuery } from './user-list.dto.js';

@Injectable()
export class UserListService {
  constructor(
    private readonly reads: AdminReads,
    private readonly settings: Settings,
  ) {}

  /** @throws AppError `validation_failed` for a cursor of another order, or a query that was cut off */
  async list(query: UserListQuery): Promise<UserListBody> {
    const { page, limit, search, role, provider, is_active: isActive } = query;
    const sort = readSort(query.sort);
    const after = query.after === undefined ? null : decodeUserCursor(sort, query.after);
    const offset = after ? 0 : (page - 1) * limit;
    const request = { filter: { search, isActive, role, provider }, sort, after, offset, limit };
    const found = await this.reads.run((tx) => findUserPage(tx, request));
    return {
      users: found.users.map((user) => toAdminUser(user, this.settings.publicBaseUrl)),
      total: found.total,
      total_is_estimate: found.totalIsEstimate,
      page,
      limit,
      pages: Math.ceil(found.total / limit),
      next: found.next && encodeUserCursor(sort, found.next),
    };
  }
}
