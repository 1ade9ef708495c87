import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, HEAD, POST, PUT, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, X-Request-ID, X-Client-Version, X-Client-Platform, traceparent';
const ANSWER_HEADERS = 'X-Request-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset';
/** How long browsers cache a preflight. */
const MAX_AGE_SECONDS = 600;

/**
 * Answers CORS requests (Fetch standard). Nest's `enableCors` also writes the headers to the raw response, which puts Node on
 * a slower path for every answer.
 * @param origins exact ones; `*` is safe, because the only route that reads a cookie is the OAuth callback, and its `state`
 * protects that one
 */
export function useCors(fastify: FastifyInstance, origins: string[]): void {
  void fastify.register(cors, {
    origin: origins.includes('*') ? '*' : origins,
    methods: METHODS,
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: ANSWER_HEADERS,
    maxAge: MAX_AGE_SECONDS,
    strictPreflight: false,
  });
}
