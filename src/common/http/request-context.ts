import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppError } from '../errors.js';
import type { ClientAddress, ClientAddresses } from './client-address.js';

/** The origin of a request, for audit rows, sessions, events and limits. */
export interface RequestContext extends ClientAddress {
  requestId: string;
  /** W3C trace context (https://www.w3.org/TR/trace-context/); a new one if the caller sent none. */
  traceparent: string;
  userAgent: string | null;
  /** The header as sent; null without one. */
  acceptLanguage: string | null;
  /** The limit with the fewest remaining requests, sent as `RateLimit-*`; `reset` in seconds. */
  rateLimit?: { limit: number; remaining: number; reset: number };
  /** The error that the request was answered with. */
  refusal?: AppError;
  /** A security event of a successful request; logged like a refusal. */
  securityEvent?: string;
  /** Name of the limit that the request exceeded. */
  exceededLimit?: string;
  /** The id of the session that the request opens, where a repeated request must find it. */
  newSessionId?: string;
  /** E-mail address of the attempted sign-in, for the log of refused ones. */
  attemptedEmail?: string;
}

/** How and when the user last authenticated (RFC 9068 §2.2.1); a refresh changes nothing of it. */
export interface Authentication {
  /** Unix seconds. */
  authTime: number;
  /** Authentication methods (RFC 8176), such as `pwd`, `otp`, `mfa`. */
  amr: readonly string[];
  /** Assurance level (NIST SP 800-63B-4): `aal2` with a second factor or a passkey. */
  acr: 'aal1' | 'aal2';
}

/** The signed-in user of the request, set by the guard. */
export interface Principal extends Authentication {
  userId: string;
  sessionId: string;
  role: 'user' | 'moderator' | 'admin';
  /** Expiry of the access token, Unix seconds. */
  expires: number;
  /** The row of `users`, where the session check had to read it from PostgreSQL. */
  userRow?: Record<string, unknown>;
}

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext;
    principal?: Principal;
  }
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** Version `ff` and ids of only zeros are invalid (W3C Trace Context, §3.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function requestId(request: IncomingMessage): string {
  const given = header(request, 'x-request-id');
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Random hexadecimal digits in stock: one call of `randomBytes` per request would cost ten times as much. */
const stock = { digits: '', used: 0 };

/** A new trace that is not sampled. */
function newTraceparent(): string {
  if (stock.used === stock.digits.length)
    Object.assign(stock, { digits: randomBytes(24 * 256).toString('hex'), used: 0 });
  const [trace, parent] = [stock.used, stock.used + 32];
  stock.used = parent + 16;
  return `00-${stock.digits.slice(trace, parent)}-${stock.digits.slice(parent, stock.used)}-00`;
}

export function createRequestContext(request: IncomingMessage, id: string, clients: ClientAddresses): RequestContext {
  const traceparent = header(request, 'traceparent');
  return {
    requestId: id,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : newTraceparent(),
    ...clients.of(request),
    userAgent: header(request, 'user-agent')?.slice(0, 500) ?? null,
    acceptLanguage: header(request, 'accept-language')?.slice(0, 500) ?? null,
  };
}

/** Headers of the IETF draft "RateLimit header fields for HTTP", versions up to 07. */
export function rateLimitHeaders({ limit, remaining, reset }: NonNullable<RequestContext['rateLimit']>) {
  return { 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': reset };
}

/** Injects the request's context into a handler. */
export const Context = createParamDecorator((_: unknown, host: ExecutionContext): RequestContext => {
  return host.switchToHttp().getRequest<FastifyRequest>().context;
});
