import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** How much of the body is read after the answer, for how long, and how often both are checked. */
const MAX_DISCARDED_BYTES = 32 * 1024 * 1024;
const MAX_DISCARD_MS = 5000;
const CHECK_INTERVAL_MS = 50;

/**
 * Reads and discards the rest of a body that was answered before it arrived, such as one that is too large, before the
 * connection closes. Closing at once resets the connection: the client may lose the answer, and a gateway takes the instance
 * for dead (nginx: `lingering_close`).
 */
export function lingeringClose(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    if (arriving(request.raw) && fastify.server.listening && reply.statusCode !== 408) reply.removeHeader('connection');
    done();
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    if (arriving(request.raw)) discard(request.raw);
    done();
  });
}

const arriving = (message: IncomingMessage) => message.complete === false && !message.destroyed;

function discard(message: IncomingMessage): void {
  const { socket } = message;
  const [from, since] = [socket.bytesRead, performance.now()];
  // Polled, because Node discards the body of an answered request without an event.
  const watch = setInterval(() => {
    if (message.complete || socket.destroyed) clearInterval(watch);
    else if (socket.bytesRead - from > MAX_DISCARDED_BYTES || performance.now() - since > MAX_DISCARD_MS)
      socket.destroy();
  }, CHECK_INTERVAL_MS).unref();
  message.unpipe();
  message.resume();
}
