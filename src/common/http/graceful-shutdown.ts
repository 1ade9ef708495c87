import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Seconds after which a shutdown that hangs is cut; Kubernetes kills at 30. */
export const MAX_SHUTDOWN_SECONDS = 25;
/** Seconds of it for what follows the last answer: five for queued mail, the rest for the relay's batch and open connections. */
const CLEANUP_SECONDS = 7;
/** Seconds from the signal on for which requests may go on. Less the longest delay it is what an answer may take, eight. */
export const MAX_DRAIN_SECONDS = MAX_SHUTDOWN_SECONDS - CLEANUP_SECONDS;

/**
 * Ends at once the connections that have asked for nothing yet, as browsers and balancers open them in advance: a server that
 * closes would wait for them.
 */
export function gracefulShutdown(fastify: FastifyInstance): void {
  const { server } = fastify;
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  fastify.addHook('preClose', (done) => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    done();
  });
}
