/**
 * The text that a search looks into: name, e-mail and company in lower case, one per line. It must be the exact expression of
 * idx_users_search, otherwise a search reads the whole table.
 * @param alias table name or alias in the query
 */
export function userSearchText(alias = 'users'): string {
  return `users_search_text(${alias}.name, ${alias}.email, ${alias}.company)`;
}

/** The same with bare column names, as in the index definition. */
export const USER_SEARCH_TEXT = 'users_search_text(name, email, company)';

/** Folds the case of a LIKE parameter like that of the search text, independent of the database's locale. */
export const searchFold = (parameter: string): string => `users_search_fold(${parameter})`;

/** A LIKE pattern (default escape character) that matches `term` literally anywhere; wrap it in `searchFold`. */
export function searchPattern(term: string): string {
  return `%${term.replace(/[\\%_]/g, '\\$&')}%`;
}
