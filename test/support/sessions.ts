import { until } from './until.js';
import { decode } from 'jsonwebtoken';
import type { Pool } from 'pg';
import type { Answer, TestApp } from './app.js';

/** The id of the session that an access token belongs to. */
export const sessionOf = (accessToken: string) => (decode(accessToken) as { sid: string }).sid;

/** Status and error type of an answer: `200`, `401 unauthenticated`. */
export const word = ({ status, body }: Answer) => `${status} ${body.error?.type ?? ''}`.trim();

/** How often the service takes a connection to PostgreSQL during the work. */
export async function queriesOf({ database }: TestApp, work: () => Promise<unknown>): Promise<number> {
  // Mails that were asked for before go out on their own; one that is being sent is due again after its lease.
  const sending = `SELECT FROM mail_queue WHERE failed_at IS NULL AND next_attempt_at < now() + interval '3 minutes' LIMIT 1`;
  await until(async () => (await database.query(sending)).length === 0);
  let count = 0;
  const onAcquire = () => (count += 1);
  const { master } = database.driver as unknown as { master: Pool };
  master.on('acquire', onAcquire);
  await work();
  master.off('acquire', onAcquire);
  return count;
}
