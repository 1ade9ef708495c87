import type { Answer, TestApp } from './app.js';

export const LIMITED = { RATE_LIMIT_ENABLED: 'true' };
export const WRONG = 'wrong password 1';
let client = 0;

/** An address that no other spec of the file has counted against. */
export const newClient = () => `198.51.${(client += 1) >> 8}.${client & 255}`;

export function login(
  app: TestApp,
  email: string,
  password: string,
  from = '192.0.2.1',
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request('POST', '/auth/login', { body: { email, password }, remoteAddress: from, headers });
}

/** One after the other. */
export async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < count; index += 1) results.push(await work(index));
  return results;
}

/** How many answers had which status. */
export const tally = (answers: Answer[]) =>
  answers.reduce<Record<number, number>>((all, { status }) => ({ ...all, [status]: (all[status] ?? 0) + 1 }), {});
