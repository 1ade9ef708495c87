import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

const METHODS = 'GET, HEAD, POST, PUT, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, X-Request-ID, X-Client-Version, X-Client-Platform, traceparent';
const ANSWER_HEADERS = 'X-Request-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset';
/** Seconds for which a browser need not ask again. */
const MAX_AGE_SECONDS = 600;

/**
 * Lets pages of these origins read answers (Fetch standard, CORS protocol). Not by Nest's `enableCors`: that also writes the
 * headers past Fastify, whose answers then cost Node its slow path.
 * @param origins exact ones; `*` is harmless, as no route is opened by a cookie that a browser would add by itself, but the
 * way back from a provider, which its state guards
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
