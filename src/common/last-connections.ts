import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Milliseconds for which a request may go on once the server has stopped listening: longer than any that is meant to end. */
const LONGEST = 10_000;

/**
 * Ends the connections that a server which closes would wait for: those that have asked for nothing yet, as browsers and
 * balancers open them in advance, at once; after a while also those with a request that never ends.
 */
export function useLastConnections(fastify: FastifyInstance): void {
  const { server } = fastify;
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    setTimeout(() => server.closeAllConnections(), LONGEST).unref();
    done();
  });
}
