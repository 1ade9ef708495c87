import type { FastifyInstance } from 'fastify';
import { type Logger, withoutRedaction } from '../logging/logger.js';
import { httpDuration } from '../logging/metrics.js';

/**
 * Logs and measures each request. The log has the route's template, never the raw URL: queries carry codes and tokens.
 * @param logger null switches the log off, but not the metrics
 */
export function useAccessLog(fastify: FastifyInstance, logger: Logger | null): void {
  const lines = logger && withoutRedaction(logger);
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, id, principal, service } = request;
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    const status = reply.statusCode;
    const milliseconds = reply.elapsedTime;
    httpDuration.observe({ method, route, status }, milliseconds / 1000);
    lines?.info(
      {
        request_id: id,
        client_address: request.context?.ipAddress,
        trace_id: request.context?.traceparent.slice(3, 35),
        method,
        route,
        status,
        ms: Math.round(milliseconds * 10) / 10,
        user_id: principal?.userId,
        service: service?.name,
      },
      'request',
    );
    done();
  });
}
