import type { Answer, TestApp } from './app.js';

export const LIMITED = { RATE_LIMIT_ENABLED: 'true' };
export const WRONG = 'wrong password 1';
let client = 0;

/** A client address without counts of other specs. */
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

/** Repeats in sequence. */
export async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < count; index += 1) results.push(await work(index));
  return results;
}

/** The number of answers by status. */
export const tally = (answers: Answer[]) =>
  answers.reduce<Record<number, number>>((all, { status }) => ({ ...all, [status]: (all[status] ?? 0) + 1 }), {});
