import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Bytes that are still taken in after the answer, milliseconds until then, and between two looks at both. */
const MOST = 32 * 1024 * 1024;
const LONGEST = 5000;
const INTERVAL = 50;

/**
 * What to do with a body that is answered before it has arrived, one that is too large above all. Closing the connection at once
 * resets it: the sender may lose the answer, and a gateway takes that for a dead instance. So the rest is thrown away as it
 * comes, within bounds, and only then the connection closes (nginx calls it lingering_close).
 */
export function useLeftoverBodies(fastify: FastifyInstance): void {
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
    else if (socket.bytesRead - from > MOST || performance.now() - since > LONGEST) socket.destroy();
  }, INTERVAL).unref();
  message.unpipe();
  message.resume();
}
