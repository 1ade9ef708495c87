import type { Redis } from 'ioredis';

/**
 * Error codes of a server that refuses all writes or all commands: out of memory, cannot save, a replica, loading, not
 * authenticated. Older servers put a script's code after `ERR`.
 */
const REFUSES_WORK = /^(?:ERR .*-)?(READONLY|OOM|MISCONF|NOREPLICAS|MASTERDOWN|LOADING|CLUSTERDOWN|NOAUTH) /;

/** A write, because a replica or a server that is out of memory still answers a PING. */
export function probeWrite(redis: Redis): Promise<unknown> {
  return redis.set('health:probe', '1', 'PX', 1000);
}

/** Whether the server answered with an error, as opposed to a failed connection. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function refusesWork(error: unknown): boolean {
  return isReply(error) && REFUSES_WORK.test(error.message);
}
