import type { FastifyInstance } from 'fastify';
import { AppError } from './errors.js';

/** U+0000 is legal JSON but PostgreSQL cannot store it: refused here, for every field at once. */
const ESCAPED_NUL = /(?:^|[^\\])(?:\\\\)*\\u0000/;

const FORM = 'application/x-www-form-urlencoded';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes urlencoded forms: it is a page of the service, not the API. */
    forms?: boolean;
  }
}

/** @returns null where a name would reach a prototype, or PostgreSQL could not store a value */
function parseForm(text: string): Record<string, string> | null {
  const fields = [...new URLSearchParams(text)];
  const refused = fields.some(([name, value]) => name === '__proto__' || value.includes('\0'));
  return refused ? null : Object.fromEntries(fields);
}

/** JSON only: urlencoded and text bodies are 415, but for the forms of our own pages. An empty body is no body. */
export function useBodyParsers(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    if (ESCAPED_NUL.test(body as string)) return done(new AppError('bad_request'), undefined);
    return parse(request, body as string, (error, value) => done(error ? new AppError('invalid_json') : null, value));
  });
  fastify.addContentTypeParser(FORM, { parseAs: 'string' }, (request, body, done) => {
    if (!request.routeOptions.config.forms) return done(new AppError('unsupported_media_type'), undefined);
    const fields = parseForm(body as string);
    return fields ? done(null, fields) : done(new AppError('bad_request'), undefined);
  });
}
