import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AppError } from '../errors.js';
import type { ClientAddress, ClientAddresses } from './client-address.js';

/** Where a request came from; use cases take it for audit rows, sessions and events. */
export interface RequestContext extends ClientAddress {
  requestId: string;
  /** W3C trace context (https://www.w3.org/TR/trace-context/); begins here where the caller sent none. */
  traceparent: string;
  userAgent: string | null;
  /** The limit that this request came closest to, once it was counted; sent as `RateLimit-*`. `reset` in seconds. */
  rateLimit?: { limit: number; remaining: number; reset: number };
  /** What the request was refused with. */
  refusal?: AppError;
  /** A security event of a request that was answered all the same; goes to the log as a refusal does. */
  securityEvent?: string;
  /** The limit that refused it. */
  exceededLimit?: string;
  /** E-mail address of the account that the caller wants into, once it is known; for the log of refused sign-ins. */
  attemptedEmail?: string;
}

/** Who acts, as the guard found it in a live session. */
export interface Principal {
  userId: string;
  sessionId: string;
  role: 'user' | 'moderator' | 'admin';
  /** When the access token ends, in Unix seconds. */
  expires: number;
}

/** What the check of a session finds. */
export interface LiveSession {
  role: Principal['role'];
  /** `users.*` of the user, where the check had to read it anyway. */
  account?: Record<string, unknown>;
}

/** Who claims to act, while the check of the session runs beside the handler. */
export interface Claimant {
  userId: string;
  /** Rejects with `unauthenticated` where the session has ended. */
  live: Promise<LiveSession>;
}

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext;
    principal?: Principal;
    claimant?: Claimant;
  }
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** Of any version but `ff`; ids of nothing but zeros are none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function requestId(request: IncomingMessage): string {
  const given = header(request, 'x-request-id');
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Random hexadecimal digits, and how many of them are used: drawn for each request they would cost ten times as much. */
const drawn = { digits: '', used: 0 };

/** A trace of its own, of which nobody has said that it is to be recorded. */
function newTraceparent(): string {
  if (drawn.used === drawn.digits.length)
    Object.assign(drawn, { digits: randomBytes(24 * 256).toString('hex'), used: 0 });
  const [trace, parent] = [drawn.used, drawn.used + 32];
  drawn.used = parent + 16;
  return `00-${drawn.digits.slice(trace, parent)}-${drawn.digits.slice(parent, drawn.used)}-00`;
}

export function createRequestContext(request: IncomingMessage, id: string, clients: ClientAddresses): RequestContext {
  const traceparent = header(request, 'traceparent');
  return {
    requestId: id,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : newTraceparent(),
    ...clients.of(request),
    userAgent: header(request, 'user-agent')?.slice(0, 500) ?? null,
  };
}

/** Names of the IETF draft "RateLimit header fields for HTTP" in the form that clients know. */
export function rateLimitHeaders({ limit, remaining, reset }: NonNullable<RequestContext['rateLimit']>) {
  return { 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': reset };
}

/** The context of the current request, as a handler's parameter. */
export const Context = createParamDecorator((_: unknown, host: ExecutionContext): RequestContext => {
  return host.switchToHttp().getRequest<FastifyRequest>().context;
});
