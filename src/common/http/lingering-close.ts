import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Bytes that are still taken in after the answer, milliseconds until then, and between two looks at both. */
const MAX_DISCARDED_BYTES = 32 * 1024 * 1024;
const MAX_DISCARD_MS = 5000;
const CHECK_INTERVAL_MS = 50;

/**
 * What to do with a body that is answered before it has arrived, one that is too large above all. Closing the connection at once
 * resets it: the sender may lose the answer, and a gateway takes that for a dead instance. So the rest is thrown away as it
 * comes, within bounds, and only then the connection closes (nginx calls it lingering_close).
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
  // Looked at from outside: Node throws the body of an answered request away without an event.
  const watch = setInterval(() => {
    if (message.complete || socket.destroyed) clearInterval(watch);
    else if (socket.bytesRead - from > MAX_DISCARDED_BYTES || performance.now() - since > MAX_DISCARD_MS)
      socket.destroy();
  }, CHECK_INTERVAL_MS).unref();
  message.unpipe();
  message.resume();
}
