import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a form with files itself, through `request.parts()`. */
    multipart?: boolean;
  }
}

/** Lets the routes that say so read multipart forms; on all others such a body is 415, like any that is not JSON. */
export function useMultipart(fastify: FastifyInstance): void {
  void fastify.register(multipart, { throwFileSizeLimit: false });
  // The plugin's parser only marks the request: nothing has been read when this and the guards run.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const refused = request.isMultipart() && !request.is404 && !request.routeOptions.config.multipart;
    done(refused ? new AppError('unsupported_media_type') : undefined);
  });
}
