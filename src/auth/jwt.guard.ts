import { CanActivate, ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { CHECKED_ALONGSIDE, IS_PUBLIC } from '../common/decorators.js';
import { AppError } from '../common/errors.js';
import type { Claimant, LiveSession, Principal } from '../common/request-context.js';
import { LiveSessions } from '../sessions/live-sessions.js';
import { AccessClaims, AccessTokens } from './access-tokens.js';

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

  canActivate(host: ExecutionContext): boolean | Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [host.getHandler(), host.getClass()])) return true;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const token = bearer(request);
    if (this.reflector.get<boolean>(CHECKED_ALONGSIDE, host.getHandler())) {
      request.claimant = this.claimant(token);
      return true;
    }
    return this.authenticate(token).then((principal) => {
      request.principal = principal;
      return true;
    });
  }

  /** @throws AppError `unauthenticated` */
  async authenticate(token: string | null): Promise<Principal> {
    const { sid, sub, exp } = this.verify(token);
    // The role of this moment, not the one the token was made with.
    const { role } = await this.requireLive(sid, sub);
    return { userId: sub, sessionId: sid, role, expires: exp };
  }

  private claimant(token: string | null): Claimant {
    const { sid, sub } = this.verify(token);
    const live = this.requireLive(sid, sub);
    // The handler waits for it; should that fail first, this rejection must not count as nobody's.
    live.catch(() => undefined);
    return { userId: sub, live };
  }

  private verify(token: string | null): Readonly<AccessClaims> {
    if (token === null) throw new AppError('unauthenticated');
    return this.tokens.verify(token);
  }

  private async requireLive(sessionId: string, userId: string): Promise<LiveSession> {
    const session = await this.sessions.find(sessionId, userId);
    if (!session) throw new AppError('unauthenticated');
    return session;
  }
}
