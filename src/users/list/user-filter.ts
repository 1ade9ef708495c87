import type { SqlParams } from '../../database/sql-params.js';
import type { Provider } from '../../config/settings.auth.js';
import { searchFold, searchPattern, userSearchText } from './user-search.js';
import type { Role } from '../user.entity.js';

export interface UserFilter {
  /** A substring of name, e-mail or company, case-insensitive; no wildcards. */
  search?: string;
  isActive?: boolean;
  role?: Role;
  provider?: Provider;
  industry?: string;
  createdFrom?: Date;
  /** Not included. */
  createdBefore?: Date;
}

/** A condition on `users u`. */
export interface UserCondition {
  sql: string;
  columns: string[];
  /** An index can find the matching rows. */
  indexed: boolean;
}

/** A shorter search contains no trigram, so idx_users_search cannot find it. */
const TRIGRAM_CHARS = 3;

export function userConditions(filter: UserFilter, values: SqlParams): UserCondition[] {
  const { search, isActive, role, provider, industry, createdFrom, createdBefore } = filter;
  const conditions: UserCondition[] = [];
  const add = (sql: string, columns: string[], indexed = true) => conditions.push({ sql, columns, indexed });
  if (isActive !== undefined) add(isActive ? 'u.is_active' : 'NOT u.is_active', ['is_active']);
  if (role !== undefined) add(`u.role = ${values.add(role)}`, ['role']);
  if (provider !== undefined) add(`u.oauth_provider = ${values.add(provider)}`, ['oauth_provider']);
  if (industry !== undefined) add(`u.industry = ${values.add(industry)}`, ['industry'], false);
  if (createdFrom !== undefined) add(`u.created_at >= ${values.add(createdFrom)}`, ['created_at']);
  if (createdBefore !== undefined) add(`u.created_at < ${values.add(createdBefore)}`, ['created_at']);
  if (search !== undefined) {
    const found = `${userSearchText('u')} LIKE ${searchFold(values.add(searchPattern(search)))}`;
    add(found, ['name', 'email', 'company'], search.length >= TRIGRAM_CHARS);
  }
  return conditions;
}

export function all(conditions: UserCondition[]): string {
  return conditions.map(({ sql }) => sql).join(' AND ') || 'TRUE';
}

export function isEmptyFilter(filter: UserFilter): boolean {
  return Object.values(filter).every((value) => value === undefined);
}
