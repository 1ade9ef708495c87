import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** A shutdown that hangs ends after this time; Kubernetes kills at 30 seconds. */
export const MAX_SHUTDOWN_SECONDS = 25;
/** Reserved for work after the last answer: five seconds for queued mail, the rest for the relay's batch and connections. */
const CLEANUP_SECONDS = 7;
/** Time for requests from the signal on; with the longest SHUTDOWN_DELAY_SECONDS, ten, eight seconds remain for an answer. */
export const MAX_DRAIN_SECONDS = MAX_SHUTDOWN_SECONDS - CLEANUP_SECONDS;

/**
 * Closes connections that have sent nothing yet, such as browsers and load balancers open in advance. Node's `server.close()`
 * waits for them.
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
