import type { Redis } from 'ioredis';

/**
 * Words by which a server refuses whatever it is asked to write, or everything: it is full, cannot save, has become a replica,
 * is loading, knows us no more. A script's refusal carries the word further back, on older servers.
 */
const REFUSES_WORK = /^(?:ERR .*-)?(READONLY|OOM|MISCONF|NOREPLICAS|MASTERDOWN|LOADING|CLUSTERDOWN|NOAUTH) /;

/** A write as the service makes them: a replica, and a server that is full, would answer a PING. */
export function probeWrite(redis: Redis): Promise<unknown> {
  return redis.set('health:probe', '1', 'PX', 1000);
}

/** What the server answered, as opposed to a connection that failed. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function refusesWork(error: unknown): boolean {
  return isReply(error) && REFUSES_WORK.test(error.message);
}
