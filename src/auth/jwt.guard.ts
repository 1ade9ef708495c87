import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { CHECKED_ALONGSIDE, IS_PUBLIC } from '../common/http/decorators.js';
import { AppError, invalidAccessToken } from '../common/errors.js';
import type { Claimant, LiveSession, Principal } from '../common/http/request-context.js';
import { SERVICE_ACCESS, ServiceAccess } from '../common/http/service-scope.js';
import { ServiceAuthentication } from '../services/service-authentication.js';
import { SERVICE_TOKEN_PREFIX } from '../services/service-credentials.service.js';
import { SessionValidator } from '../sessions/session-validator.js';
import { AccessClaims, AccessTokens } from './access-tokens.js';

/** The token of an `Authorization: Bearer` header (RFC 6750). */
function bearer(header: string | undefined): string | null {
  return header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

/** No check, a check alongside the handler, or one before it. */
type Kind = 'public' | 'alongside' | 'checked';

/** Every route that is not `@Public()` needs an access token of a session that is still live. */
@Injectable()
export class JwtGuard implements CanActivate {
  // Cached, because reading decorators costs as much as checking a known token.
  private readonly kinds = new Map<unknown, Kind>();

  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly sessions: SessionValidator,
    private readonly services: ServiceAuthentication,
  ) {}

  canActivate(host: ExecutionContext): boolean | Promise<boolean> {
    const kind = this.kinds.get(host.getHandler()) ?? this.readKind(host);
    if (kind === 'public') return true;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const token = bearer(request.headers.authorization);
    if (kind === 'alongside') {
      request.claimant = this.claimant(token);
      return true;
    }
    const access = this.reflector.get<ServiceAccess | undefined>(SERVICE_ACCESS, host.getHandler());
    if (access && token?.startsWith(SERVICE_TOKEN_PREFIX))
      return this.services.authenticate(token, access.scope, request.context).then((service) => {
        request.service = service;
        return true;
      });
    return this.authenticate(token).then((principal) => {
      if (access && !access.membersToo) throw new AppError('forbidden', { message: 'Only other services may do this' });
      request.principal = principal;
      return true;
    });
  }

  private readKind(host: ExecutionContext): Kind {
    const handler = host.getHandler();
    const isPublic = this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [handler, host.getClass()]);
    const alongside = this.reflector.get<boolean>(CHECKED_ALONGSIDE, handler);
    const kind = isPublic ? 'public' : alongside ? 'alongside' : 'checked';
    this.kinds.set(handler, kind);
    return kind;
  }

  /** @throws AppError `unauthenticated` */
  async authenticate(token: string | null): Promise<Principal> {
    const { sid, sub, exp } = this.verify(token);
    // The current role, not the one in the token.
    const { role } = await this.requireLive(sid, sub);
    return { userId: sub, sessionId: sid, role, expires: exp };
  }

  /** The user of a public request; null without a valid access token. */
  async identify(authorization: string | undefined): Promise<Principal | null> {
    try {
      return await this.authenticate(bearer(authorization));
    } catch (error) {
      if (error instanceof AppError && error.type === 'unauthenticated') return null;
      throw error;
    }
  }

  private claimant(token: string | null): Claimant {
    const { sid, sub } = this.verify(token);
    const live = this.requireLive(sid, sub);
    // The handler awaits it; if the handler fails first, this rejection must not be an unhandled one.
    live.catch(() => undefined);
    return { userId: sub, live };
  }

  private verify(token: string | null): Readonly<AccessClaims> {
    if (token === null) throw new AppError('unauthenticated');
    return this.tokens.verify(token);
  }

  private async requireLive(sessionId: string, userId: string): Promise<LiveSession> {
    const session = await this.sessions.validate(sessionId, userId);
    if (!session) throw invalidAccessToken();
    return session;
  }
}
