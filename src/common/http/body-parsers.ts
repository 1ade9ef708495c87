import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyContextConfig, FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { AppError, invalidField } from '../errors.js';
import { scanJson } from './json-scan.js';

/** Not for uploads, which have limits of their own. */
export const MAX_BODY_BYTES = 64 * 1024;
const MAX_BODY_ENTRIES = 1000;
/** Under `/auth`, where no sign-in is needed. */
const MAX_AUTH_BODY_BYTES = 16 * 1024;
const MAX_AUTH_BODY_ENTRIES = 200;

const isAuth = (url = '') => url.startsWith('/auth/');

const FORM = 'application/x-www-form-urlencoded';

/** JSON is UTF-8 (RFC 8259 §8.1), and so are our forms. */
const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?utf-?8"?\s*(?:;|$))/i;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes urlencoded forms: it is a page of the service, not the API. */
    forms?: boolean;
    /** The handler reads a JSON body of at most so many bytes itself, from `request.streamedBody`. */
    streamedBytes?: number;
  }

  interface FastifyRequest {
    streamedBody?: RequestPayload;
  }
}

/** @throws AppError `validation_failed` */
function requireFewEntries(entries: number, url: string | undefined): void {
  const max = isAuth(url) ? MAX_AUTH_BODY_ENTRIES : MAX_BODY_ENTRIES;
  if (entries <= max) return;
  throw invalidField('body', 'too_many', `body must have at most ${max} keys and list entries`);
}

/** @throws AppError `bad_request` for invalid UTF-8, U+0000 or a field `__proto__` */
function parseForm(text: string): Record<string, string> {
  try {
    decodeURIComponent(text);
  } catch {
    throw new AppError('bad_request');
  }
  const fields = [...new URLSearchParams(text)];
  if (fields.some(([name, value]) => name === '__proto__' || value.includes('\0'))) throw new AppError('bad_request');
  return Object.fromEntries(fields);
}

/**
 * Accepts JSON, and urlencoded forms on our own pages; answers 415 to other types. An empty body counts as missing.
 * @param pace waits before a body of so many bytes is parsed
 */
export function useBodyParsers(
  fastify: FastifyInstance,
  pace: (request: FastifyRequest, bytes: number) => Promise<void>,
): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.addHook('onRoute', (route) => {
    const { streamedBytes } = (route.config ?? {}) as FastifyContextConfig;
    route.bodyLimit ??= streamedBytes ?? (isAuth(route.url) ? MAX_AUTH_BODY_BYTES : undefined);
  });
  // Compressed bodies are refused because they are not decompressed.
  fastify.addHook('preParsing', ({ headers, is404 }, _reply, _payload, done) => {
    const refused = headers['content-encoding'] !== undefined || OTHER_CHARSET.test(headers['content-type'] ?? '');
    done(refused && !is404 ? new AppError('unsupported_media_type') : null);
  });
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
    if (!isJson || !request.routeOptions.config.streamedBytes) return done(null, payload);
    request.streamedBody = payload;
    // The parser gets an empty body, which counts as long as the header says.
    const length = Number(request.headers['content-length']);
    return done(null, Object.assign(Readable.from([]), { receivedEncodedLength: length }));
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      if (bytes.length === 0) return undefined;
      await pace(request, bytes.length);
      // Decoding would replace invalid bytes by U+FFFD, which makes different passwords equal.
      if (!isUtf8(bytes)) throw new AppError('invalid_json');
      const text = bytes.toString();
      const scanned = scanJson(text);
      if (!scanned) throw new AppError('bad_request');
      requireFewEntries(scanned.entries, request.routeOptions.url);
      return new Promise((resolve, reject) =>
        parse(request, text, (error, value) => (error ? reject(new AppError('invalid_json')) : resolve(value))),
      );
    },
  );
  fastify.addContentTypeParser(FORM, { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    if (!request.routeOptions.config.forms) throw new AppError('unsupported_media_type');
    await pace(request, bytes.length);
    if (!isUtf8(bytes)) throw new AppError('bad_request');
    const text = bytes.toString();
    requireFewEntries(text.split('&').length, request.routeOptions.url);
    return parseForm(text);
  });
}
