import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { IS_PUBLIC } from '../../common/http/decorators.js';
import { AppError, invalidAccessToken } from '../../common/errors.js';
import type { Principal } from '../../common/http/request-context.js';
import { SERVICE_ACCESS, ServiceAccess } from '../../common/http/service-scope.js';
import { ServiceAuthentication } from '../../services/service-authentication.js';
import { SERVICE_TOKEN_PREFIX } from '../../services/service-credentials.service.js';
import { SessionValidator } from '../../sessions/session-validator.js';
import { AccessTokens } from './access-tokens.js';

/** The token of an `Authorization: Bearer` header (RFC 6750). */
function bearer(header: string | undefined): string | null {
  return header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

/** Every route that is not `@Public()` needs an access token of a session that is still live. */
@Injectable()
export class JwtGuard implements CanActivate {
  // Cached, because reading decorators costs as much as checking a known token.
  private readonly routes = new Map<unknown, { isPublic: boolean; access: ServiceAccess | undefined }>();

  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly sessions: SessionValidator,
    private readonly services: ServiceAuthentication,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    const { isPublic, access } = this.routes.get(host.getHandler()) ?? this.readDecorators(host);
    if (isPublic) return true;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const token = bearer(request.headers.authorization);
    if (access && token?.startsWith(SERVICE_TOKEN_PREFIX)) {
      request.service = await this.services.authenticate(token, access.scope, request.context);
      return true;
    }
    const principal = await this.authenticate(token);
    if (access && !access.membersToo) throw new AppError('forbidden', { message: 'Only other services may do this' });
    request.principal = principal;
    return true;
  }

  private readDecorators(host: ExecutionContext): { isPublic: boolean; access: ServiceAccess | undefined } {
    const handler = host.getHandler();
    const route = {
      isPublic: this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [handler, host.getClass()]) === true,
      access: this.reflector.get<ServiceAccess | undefined>(SERVICE_ACCESS, handler),
    };
    this.routes.set(handler, route);
    return route;
  }

  /** @throws AppError `unauthenticated` */
  async authenticate(token: string | null): Promise<Principal> {
    if (token === null) throw new AppError('unauthenticated');
    const { sid, sub, exp, auth_time: authTime = 0, amr = [], acr = 'aal1' } = this.tokens.verify(token);
    const session = await this.sessions.validate(sid, sub);
    if (!session) throw invalidAccessToken();
    // `session` has the current role, not the one in the token.
    return { userId: sub, sessionId: sid, expires: exp, authTime, amr, acr, ...session };
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
}
