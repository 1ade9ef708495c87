import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../common/errors.js';
import { clientKey } from './ip-prefix.js';

/** Of the body, or of the URL and the headers; more than the requests of the apps have, uploads excepted. */
const LARGE_BYTES = 6 * 1024;
/** Between two large requests of one client; each takes the event loop one to two milliseconds, also where it is refused. */
const INTERVAL_MS = 10;
const MAX_WAIT_MS = 2000;

/** Spaces the large requests of each client, so that other requests are answered in between. */
export class RequestPace {
  /** When the next large request of a client may be handled, in the order of its last one. */
  private readonly nextMs = new Map<string, number>();

  /** @throws AppError `rate_limited` */
  async wait({ context }: FastifyRequest, bytes: number): Promise<void> {
    if (bytes <= LARGE_BYTES) return;
    const now = performance.now();
    const client = clientKey(context);
    const startMs = Math.max(now, this.nextMs.get(client) ?? 0);
    if (startMs - now > MAX_WAIT_MS) throw new AppError('rate_limited', { retryAfter: MAX_WAIT_MS / 1000 });
    this.nextMs.delete(client);
    this.nextMs.set(client, startMs + INTERVAL_MS);
    for (const [other, ms] of this.nextMs) {
      if (ms > now) break;
      this.nextMs.delete(other);
    }
    if (startMs > now) await sleep(startMs - now);
  }

  /** Bodies wait where they are parsed, because they arrive later. */
  paceHeads(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, _reply, done) => {
      const { url = '', rawHeaders } = request.raw;
      const bytes = rawHeaders.reduce((sum, { length }) => sum + length, url.length);
      return bytes <= LARGE_BYTES ? done() : this.wait(request, bytes);
    });
  }
}
