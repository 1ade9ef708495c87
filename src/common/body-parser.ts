import type { FastifyInstance } from 'fastify';
import { AppError } from './errors.js';

/** Levels of objects and arrays in one another; what checks and stores a body walks it by recursion, which the stack limits. */
const MOST_LEVELS = 64;

/** Legal JSON that PostgreSQL cannot store: U+0000, and half of a surrogate pair. */
const UNSTORABLE = /\\u(?:0000|d[89ab][\da-f]{2}(?!\\ud[c-f][\da-f]{2})|d[c-f][\da-f]{2})/iy;
const PAIR = /\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}/iy;

const standsAt = (pattern: RegExp, text: string, at: number) => {
  pattern.lastIndex = at;
  return pattern.test(text);
};

/** True for a body that would fail somewhere behind the checks of its fields; refused here, for every field at once. */
function isUnusable(json: string): boolean {
  let levels = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at]!;
    if (character === '\\') {
      if (standsAt(UNSTORABLE, json, at)) return true;
      // What is escaped is passed over, so that an escaped backslash or quotation mark is not read as one.
      at += standsAt(PAIR, json, at) ? 11 : 1;
    } else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === '{' || character === '[')) levels += 1;
    else if (!quoted && (character === '}' || character === ']')) levels -= 1;
    if (levels > MOST_LEVELS) return true;
  }
  return false;
}

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
    if (isUnusable(body as string)) return done(new AppError('bad_request'), undefined);
    return parse(request, body as string, (error, value) => done(error ? new AppError('invalid_json') : null, value));
  });
  fastify.addContentTypeParser(FORM, { parseAs: 'string' }, (request, body, done) => {
    if (!request.routeOptions.config.forms) return done(new AppError('unsupported_media_type'), undefined);
    const fields = parseForm(body as string);
    return fields ? done(null, fields) : done(new AppError('bad_request'), undefined);
  });
}
