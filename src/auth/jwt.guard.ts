import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { IS_PUBLIC } from '../common/decorators.js';
import { AppError } from '../common/errors.js';
import type { Principal } from '../common/request-context.js';
import { LiveSessions } from '../sessions/live-sessions.js';
import { AccessTokens } from './access-tokens.js';

/** The token of an `Authorization: Bearer` header (RFC 6750). */
function bearer(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  return header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : null;
}

/** Every route that is not `@Public()` needs an access token of a session that is still live. */
@Injectable()
export class JwtGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly sessions: LiveSessions,
  ) {}

  async canActivate(host: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [host.getHandler(), host.getClass()])) return true;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    request.principal = await this.authenticate(bearer(request));
    return true;
  }

  /** @throws AppError `unauthenticated` */
  async authenticate(token: string | null): Promise<Principal> {
    if (token === null) throw new AppError('unauthenticated');
    const { sid, sub, exp } = this.tokens.verify(token);
    // The role of this moment, not the one the token was made with.
    const role = await this.sessions.roleIn(sid, sub);
    if (role === null) throw new AppError('unauthenticated');
    return { userId: sub, sessionId: sid, role, expires: exp };
  }
}
