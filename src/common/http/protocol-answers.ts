import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { answerClientError } from './client-errors.js';
import { AppError } from '../errors.js';
import type { Lifecycle } from '../lifecycle.module.js';
import type { AllowedMethods } from './allowed-methods.js';

/** Node keeps only the first `Host` header; a proxy may have routed by another one. */
function countHosts({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.length === 4 && rawHeaders[at]!.toLowerCase() === 'host') count += 1;
  return count;
}

/** Answers requests that Node would answer without a body or not at all, and closes connections during a shutdown. */
export function useProtocolAnswers(fastify: FastifyInstance, lifecycle: Lifecycle, routes: AllowedMethods): void {
  const { server } = fastify;
  // RFC 9112, §3.2: HTTP/1.1 requires exactly one Host header.
  fastify.addHook('onRequest', ({ raw }, _, done) => {
    const hosts = countHosts(raw);
    return hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1') ? done(new AppError('bad_request')) : done();
  });
  // A closing server drops idle connections, which clients may be about to reuse; this header makes them open another one.
  fastify.addHook('onSend', (_, reply, _payload, done) => {
    if (lifecycle.draining) reply.header('connection', 'close');
    done();
  });
  // RFC 9110, §10.1.1: unknown expectations may be ignored.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_, socket: Socket) => {
    // Node has detached the socket: without a listener, an error on it would end the process.
    socket.on('error', () => undefined);
    answerClientError(new Error('CONNECT is for proxies'), socket, (url) => routes.refusal(url));
    socket.destroySoon();
  });
}
