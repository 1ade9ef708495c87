import type { FastifyInstance } from 'fastify';
import { AppError } from './errors.js';

/** U+0000 is legal JSON but PostgreSQL cannot store it: refused here, for every field at once. */
const ESCAPED_NUL = /(?:^|[^\\])(?:\\\\)*\\u0000/;

/** JSON only: urlencoded and text bodies are 415. An empty body is no body, whatever its content type says. */
export function useJsonOnly(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    if (ESCAPED_NUL.test(body as string)) return done(new AppError('bad_request'), undefined);
    return parse(request, body as string, (error, value) => done(error ? new AppError('invalid_json') : null, value));
  });
}
