import { AsyncLocalStorage } from 'node:async_hooks';
import { decode } from 'jsonwebtoken';
import type { Pool } from 'pg';
import type { Answer, TestApp } from './app.js';

/** The id of the session that an access token belongs to. */
export const sessionOf = (accessToken: string) => (decode(accessToken) as { sid: string }).sid;

/** Status and error type of an answer: `200`, `401 unauthenticated`. */
export const word = ({ status, body }: Answer) => `${status} ${body.error?.type ?? ''}`.trim();

/** Tells the work from the service's own jobs. */
const counted = new AsyncLocalStorage<true>();

/** How often the work makes the service take a connection to PostgreSQL. */
export async function queriesOf({ database }: TestApp, work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const { master } = database.driver as unknown as { master: Pool };
  const connect = master.connect.bind(master) as (...given: unknown[]) => unknown;
  const spy = jest.spyOn(master, 'connect').mockImplementation((...given: unknown[]) => {
    if (counted.getStore()) count += 1;
    return connect(...given);
  });
  await counted.run(true, work);
  spy.mockRestore();
  return count;
}
