import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.js';
import type { Lifecycle } from '../lifecycle.module.js';

/** Time for an upload to arrive, which must also keep a minimum speed; the longest of all requests. */
export const MAX_UPLOAD_MS = 120_000;

/** Time for a body to arrive while the process drains; the client repeats the request at another instance. */
const MAX_DRAINING_BODY_MS = 5000;

/**
 * Answers 408 to a request whose body does not arrive in time. Node's own limit would close the connection without a log line,
 * and cannot be shortened during a shutdown.
 */
export function useBodyDeadlines(fastify: FastifyInstance, maxBodyMs: number, lifecycle: Lifecycle): void {
  const arriving = new Set<(limitMs: number) => void>();
  lifecycle.onDraining(() => {
    for (const shorten of arriving) shorten(MAX_DRAINING_BODY_MS);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    const { raw, headers } = request;
    if (headers['transfer-encoding'] === undefined && !Number(headers['content-length'])) return done();
    const { config } = request.routeOptions;
    const allowedMs = config.multipart || config.streamedBytes ? MAX_UPLOAD_MS : maxBodyMs;
    const refuse = () => {
      if (raw.complete || reply.sent) return;
      // Otherwise Node would wait for the rest of the body.
      reply.raw.once('finish', () => raw.socket.destroySoon());
      void reply.send(new AppError('request_timeout'));
    };
    let timer = setTimeout(refuse, lifecycle.draining ? MAX_DRAINING_BODY_MS : allowedMs).unref();
    const shorten = (limitMs: number) => {
      clearTimeout(timer);
      timer = setTimeout(refuse, Math.min(limitMs, allowedMs)).unref();
    };
    const unwatch = () => {
      clearTimeout(timer);
      arriving.delete(shorten);
    };
    arriving.add(shorten);
    raw.once('end', unwatch).once('close', unwatch);
    done();
  });
}
