import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.js';
import type { Lifecycle } from '../lifecycle.module.js';

/** For a file, which has to keep a pace besides; no other request has longer. */
export const MAX_UPLOAD_MS = 120_000;

/** Once the process drains: a body that takes longer must not hold up the end, and another instance takes the repetition. */
const MAX_DRAINING_BODY_MS = 5000;

/**
 * Answers 408 to a request whose body does not arrive in time. Node's own limit would end the connection without a line in the
 * log, and knows nothing of a shutdown.
 */
export function useBodyDeadlines(fastify: FastifyInstance, maxBodyMs: number, lifecycle: Lifecycle): void {
  const arriving = new Set<(limitMs: number) => void>();
  lifecycle.onDraining(() => {
    for (const shorten of arriving) shorten(MAX_DRAINING_BODY_MS);
  });
  fastify.addHook('onRequest', ({ raw, headers, routeOptions }, reply, done) => {
    if (headers['transfer-encoding'] === undefined && !Number(headers['content-length'])) return done();
    const allowedMs = routeOptions.config.multipart ? MAX_UPLOAD_MS : maxBodyMs;
    const refuse = () => {
      if (raw.complete || reply.sent) return;
      // Else the rest of the body would be waited for once more.
      reply.raw.once('finish', () => raw.socket.destroySoon());
      void reply.send(new AppError('request_timeout'));
    };
    let timer = setTimeout(refuse, lifecycle.draining ? MAX_DRAINING_BODY_MS : allowedMs).unref();
    const shorten = (limitMs: number) => {
      clearTimeout(timer);
      timer = setTimeout(refuse, Math.min(limitMs, allowedMs)).unref();
    };
    const forget = () => {
      clearTimeout(timer);
      arriving.delete(shorten);
    };
    arriving.add(shorten);
    raw.once('end', forget).once('close', forget);
    done();
  });
}
