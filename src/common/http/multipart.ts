import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a multipart form through `request.parts()`. */
    multipart?: boolean;
  }
}

/** Accepts multipart forms on routes with `multipart` in their config; on all others they are 415. */
export function useMultipart(fastify: FastifyInstance): void {
  void fastify.register(multipart, { throwFileSizeLimit: false });
  // The plugin's parser only marks the request, so this check and the guards run before the body is read.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const refused = request.isMultipart() && !request.is404 && !request.routeOptions.config.multipart;
    done(refused ? new AppError('unsupported_media_type') : undefined);
  });
}
