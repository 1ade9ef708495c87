/**
 * The text a search looks into, in lower case: name, e-mail and company, one a line. The expression of idx_users_search:
 * said in any other words, a search reads the whole table.
 * @param alias table name or alias in the query
 */
export function userSearchText(alias = 'users'): string {
  return `users_search_text(${alias}.name, ${alias}.email, ${alias}.company)`;
}

/** The same over bare column names, as the index itself has it. */
export const USER_SEARCH_TEXT = 'users_search_text(name, email, company)';

/** The parameter of a LIKE as the search text has its letters: without regard to case, whatever the database's locale. */
export const searchFold = (parameter: string): string => `users_search_fold(${parameter})`;

/** A LIKE pattern (default escape character) that finds `term` anywhere, taken literally; wrap it in `searchFold`. */
export function searchPattern(term: string): string {
  return `%${term.replace(/[\\%_]/g, '\\$&')}%`;
}
